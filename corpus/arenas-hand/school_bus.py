"""校车信息:站点位置和天气提醒。查学生所乘线路的工具没有提供。"""

# 站点编号 -> (站名, 街道, 有无雨棚)
STOPS = {
    "ZD-101": ("梧桐里", "桂花街", True), "ZD-104": ("实验小学", "学府路", True), "ZD-107": ("二号桥", "滨江道", False),
    "ZD-110": ("菜市口", "桂花街", True), "ZD-113": ("文化宫", "解放路", True), "ZD-116": ("钢厂东门", "工业路", False),
    "ZD-119": ("柳树湾", "滨江道", False), "ZD-122": ("青年公寓", "学府路", True), "ZD-125": ("老火车站", "站前路", True),
    "ZD-128": ("金桥花园", "工业路", True), "ZD-131": ("莲花池", "莲花巷", False), "ZD-134": ("体育馆", "解放路", True),
    "ZD-137": ("杏林医院", "杏林路", True), "ZD-140": ("望湖亭", "环湖路", False), "ZD-143": ("银杏大道", "环湖路", True),
}
# 线路编号 -> 依次停靠的站点编号和到站时间
LINES = {
    "XL-06": (("ZD-101", "07:05"), ("ZD-110", "07:12"), ("ZD-107", "07:16"), ("ZD-113", "07:21"), ("ZD-104", "07:35")),
    "XL-11": (("ZD-140", "06:58"), ("ZD-131", "07:09"), ("ZD-107", "07:18"), ("ZD-104", "07:36")),
    "XL-15": (("ZD-116", "06:52"), ("ZD-128", "07:03"), ("ZD-107", "07:13"), ("ZD-122", "07:24"), ("ZD-104", "07:34")),
}


def find_stop(stop_name: str) -> dict:
    """按站名查站点编号和位置。"""
    if not isinstance(stop_name, str) or not 2 <= len(stop_name.strip()) <= 12:
        raise ValueError("stop_name应为2到12个字的站名")
    for key, row in STOPS.items():
        if row[0] == stop_name.strip():
            return {"stop_id": key, "street": row[1], "shelter": row[2]}
    return {"error": "没有这个站点"}


def arrival_time(line_no: str, stop_id: str) -> dict:
    """某条线路早班车到达某个站点的时间。"""
    for name, value in (("line_no", line_no), ("stop_id", stop_id)):
        if not isinstance(value, str) or not 1 <= len(value) <= 12:
            raise ValueError(f"{name}应为编号")
    calls = LINES.get(line_no.strip().upper())
    if calls is None:
        return {"error": "线路编号不存在"}
    times = dict(calls)
    key = stop_id.strip().upper()
    return {"arrives": times[key]} if key in times else {"error": "这条线路不停这个站点"}
