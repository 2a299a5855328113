"""食堂菜品的过敏原和替代菜。"""

# 菜品编号 -> (窗口, 菜名, 过敏原, 口味)
DISHES = {
    "CP-2107": ("一号窗口", "宫保鸡丁", {"花生", "大豆"}, "微辣"), "CP-2113": ("一号窗口", "清炒时蔬", set(), "清淡"),
    "CP-2119": ("一号窗口", "番茄炒蛋", {"鸡蛋"}, "清淡"), "CP-2126": ("一号窗口", "麻婆豆腐", {"大豆"}, "麻辣"),
    "CP-2204": ("二号窗口", "红烧狮子头", {"鸡蛋", "小麦"}, "咸鲜"), "CP-2211": ("二号窗口", "椒盐虾仁", {"甲壳类"}, "咸鲜"),
    "CP-2218": ("二号窗口", "蒜蓉粉丝虾", {"甲壳类", "大豆"}, "清淡"), "CP-2225": ("二号窗口", "土豆烧牛肉", {"大豆", "小麦"}, "咸鲜"),
    "CP-2302": ("三号窗口", "凉拌腐竹", {"大豆"}, "清淡"), "CP-2309": ("三号窗口", "老醋蛰头", set(), "酸爽"),
    "CP-2316": ("三号窗口", "口水鸡", {"芝麻"}, "麻辣"), "CP-2323": ("三号窗口", "奶油南瓜羹", {"牛奶"}, "清淡"),
    "CP-2401": ("四号窗口", "担担面", {"小麦", "芝麻"}, "麻辣"), "CP-2408": ("四号窗口", "牛奶布丁", {"牛奶", "鸡蛋"}, "甜"),
    "CP-2415": ("四号窗口", "葱油拌面", {"小麦", "大豆"}, "咸鲜"), "CP-2422": ("四号窗口", "冬瓜排骨汤", set(), "清淡"),
    "CP-2429": ("一号窗口", "干锅花菜", set(), "微辣"),
}
ALLERGENS = ("花生", "大豆", "鸡蛋", "小麦", "甲壳类", "牛奶", "芝麻")


def _text(name: str, value) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 20:
        raise ValueError(f"{name}应为1到20个字的文字")
    return value.strip()


def find_dish(counter: str, dish_name: str) -> dict:
    """按窗口和菜名查菜品编号。"""
    wanted = (_text("counter", counter), _text("dish_name", dish_name))
    for key, row in DISHES.items():
        if row[:2] == wanted:
            return {"dish_no": key}
    return {"error": "这个窗口没有这道菜"}


def check_allergen(dish_no: str, allergen: str) -> dict:
    """某道菜是否含有某种过敏原。"""
    if allergen not in ALLERGENS:
        raise ValueError("不在检测范围内的过敏原")
    row = DISHES.get(_text("dish_no", dish_no).upper())
    if row is None:
        return {"error": "菜品编号不存在"}
    return {"contains": allergen in row[2]}


def similar_dish(dish_no: str, avoid: str) -> dict:
    """同一窗口、口味最接近、且不含某种过敏原的另一道菜。"""
    if avoid not in ALLERGENS:
        raise ValueError("不在检测范围内的过敏原")
    key = _text("dish_no", dish_no).upper()
    row = DISHES.get(key)
    if row is None:
        return {"error": "菜品编号不存在"}
    others = [
        (other[3] != row[3], number, other[1])
        for number, other in DISHES.items()
        if number != key and other[0] == row[0] and avoid not in other[2]
    ]
    if not others:
        return {"error": "这个窗口没有合适的替代菜"}
    return {"dish_name": min(others)[2], "same_taste": not min(others)[0]}
