from typing import Any, Dict, List

成语库: List[Dict[str, Any]] = [
    {"词": "画蛇添足", "拼音": "hua she tian zu", "出处": "战国策", "释义": "做了多余的事反而不恰当"},
    {"词": "守株待兔", "拼音": "shou zhu dai tu", "出处": "韩非子", "释义": "不努力而想得到意外的收获"},
    {"词": "兔死狐悲", "拼音": "tu si hu bei", "出处": "宋史", "释义": "因同类的不幸而感到悲伤"},
    {"词": "悲天悯人", "拼音": "bei tian min ren", "出处": "争臣论", "释义": "哀叹时世艰辛怜惜百姓疾苦"},
    {"词": "人山人海", "拼音": "ren shan ren hai", "出处": "西湖老人繁胜录", "释义": "人聚集得极多"},
    {"词": "海阔天空", "拼音": "hai kuo tian kong", "出处": "古今诗话", "释义": "形容天地辽阔无边"},
    {"词": "足智多谋", "拼音": "zu zhi duo mou", "出处": "连环计", "释义": "智谋很多"},
]


def _chain(start: str) -> List[str]:
    路径, 当前 = [start], start
    while True:
        下一个 = next((项["词"] for 项 in 成语库 if 项["词"][0] == 当前[-1] and 项["词"] not in 路径), None)
        if 下一个 is None:
            return 路径
        路径.append(下一个)
        当前 = 下一个


def find_idiom(keyword: str, mode: str = "查询") -> dict:
    """查询成语(按字或拼音),或从一个成语开始接龙。"""
    match mode:
        case "查询":
            命中 = [项 for 项 in 成语库 if keyword in 项["词"] or keyword.lower() in 项["拼音"].split()]
            return {"数量": len(命中), "结果": 命中} if 命中 else {"错误": f"没有找到包含“{keyword}”的成语"}
        case "接龙":
            if not any(项["词"] == keyword for 项 in 成语库):
                return {"错误": f"“{keyword}”不在成语库中"}
            链 = _chain(keyword)
            return {"长度": len(链), "接龙": " → ".join(链)}
        case _:
            raise ValueError(f"未知模式:{mode}")
