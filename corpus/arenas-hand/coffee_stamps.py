"""咖啡店会员卡:每买一杯盖一个章,积分随等级不同。"""

# 卡号 -> (姓名, 手机尾号)
MEMBERS = {
    "VC-80316": ("方晓岚", "5127"), "VC-80329": ("方晓岚", "9043"), "VC-80354": ("贺明轩", "2218"), "VC-80361": ("宋嘉言", "7746"),
    "VC-80388": ("杜若溪", "3309"), "VC-80397": ("陶一鸣", "6150"), "VC-80412": ("严书衡", "8874"), "VC-80425": ("施语晨", "1962"),
    "VC-80440": ("邹子昂", "4435"), "VC-80453": ("孔令仪", "0581"), "VC-80469": ("顾长风", "7290"), "VC-80478": ("乔安然", "3617"),
    "VC-80491": ("洪思齐", "9958"), "VC-80507": ("白雨薇", "2846"), "VC-80514": ("龚亦凡", "6073"), "VC-80533": ("池清越", "5402"),
}
POINTS = {"普通": 10, "银卡": 12, "金卡": 15, "黑卡": 18, "钻石卡": 22}


def _text(name: str, value, least: int, most: int) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= most:
        raise ValueError(f"{name}的长度应为{least}到{most}个字符")
    return value.strip()


def find_member(name: str, phone_tail: str) -> dict:
    """按姓名和手机尾号查会员卡号。"""
    wanted = (_text("name", name, 2, 10), _text("phone_tail", phone_tail, 4, 4))
    for card, row in MEMBERS.items():
        if row == wanted:
            return {"card_no": card}
    return {"error": "没有这位会员"}


def add_stamp(state: dict, card_no: str) -> dict:
    """为一杯咖啡盖一个章,并按等级加积分;集满十个章送一杯,章数重新从零开始。"""
    card = state["cards"].get(_text("card_no", card_no, 1, 20))
    if card is None:
        return {"error": "卡号不存在"}
    card["stamps"] += 1
    card["points"] += POINTS[card["level"]]
    if card["stamps"] >= 10:
        card["stamps"] = 0
        card["free_cups"] += 1
    return {"card_no": card_no.strip(), "stamps": card["stamps"]}


def card_summary(state: dict, card_no: str) -> dict:
    """会员卡的等级、章数、积分和可兑换的杯数。"""
    card = state["cards"].get(_text("card_no", card_no, 1, 20))
    if card is None:
        return {"error": "卡号不存在"}
    return {"level": card["level"], "points": card["points"], "free_cups": card["free_cups"]}
