"""设备维修:从设备编号一步步查到备件送达需要的小时数。"""

# 设备编号 -> 型号
MACHINES = {
    "SB-5106": "HX-720A", "SB-5111": "HX-720B", "SB-5118": "LM-33", "SB-5124": "LM-35", "SB-5130": "ZT-9", "SB-5137": "ZT-12",
    "SB-5142": "QK-400", "SB-5149": "QK-450", "SB-5153": "HX-810", "SB-5160": "LM-41", "SB-5166": "ZT-15", "SB-5171": "QK-500",
    "SB-5178": "WD-6", "SB-5185": "WD-8", "SB-5190": "HX-900",
}
# (型号, 部位) -> 备件号;部位决定后缀
PLACES = {"主轴": "S", "油泵": "P", "滤芯": "F", "电机": "M", "皮带": "B", "阀组": "V"}
BASES = {model: 61024 + 137 * place for place, model in enumerate(MACHINES.values())}
SUPPLIERS = (
    "恒力机电", "瑞丰备件", "中洲液压", "东泰精工", "永固工业", "新迈轴承", "顺达传动", "百川过滤", "宏远电气", "金石密封",
    "华邦五金", "立信自动化", "海拓流体", "天工制造", "嘉禾机械", "远景控制",
)
WAREHOUSES = {
    "CK-N1": ("北辰仓", 9), "CK-N4": ("雁山仓", 14), "CK-E2": ("东港仓", 6), "CK-E7": ("浦湾仓", 21), "CK-S3": ("南屏仓", 17),
    "CK-S8": ("岭脚仓", 26), "CK-W5": ("西关仓", 11), "CK-W9": ("陇口仓", 33), "CK-C6": ("中塘仓", 4), "CK-X0": ("新乡仓", 29),
    "CK-X2": ("柏林庄仓", 38),
}
SPEEDS = {"普通": 1.0, "加急": 0.6, "专车": 0.45, "航空": 0.35, "次日": 0.8}


def _text(name: str, value) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 20:
        raise ValueError(f"{name}应为1到20个字符的文字")
    return value.strip()


def machine_model(machine_no: str) -> dict:
    """设备编号对应的型号。"""
    model = MACHINES.get(_text("machine_no", machine_no).upper())
    return {"model": model} if model else {"error": "设备编号不存在"}


def part_number(model: str, place: str) -> dict:
    """某型号某部位的备件号。"""
    if not isinstance(place, str) or place not in PLACES:
        raise ValueError("没有这个部位")
    base = BASES.get(_text("model", model).upper())
    return {"part_no": f"BJ{base}{PLACES[place]}"} if base else {"error": "型号不存在"}


def _serial(part_no) -> int:
    text = _text("part_no", part_no).upper()
    known = text[:2] == "BJ" and text[-1] in PLACES.values() and text[2:-1] in {str(base) for base in BASES.values()}
    return int(text[2:-1]) + ord(text[-1]) if known else 0


def part_supplier(part_no: str) -> dict:
    """某个备件的协议供应商。"""
    serial = _serial(part_no)
    return {"supplier": SUPPLIERS[serial % len(SUPPLIERS)]} if serial else {"error": "备件号不存在"}


def supplier_warehouse(supplier: str) -> dict:
    """供应商发货的仓库编号。"""
    name = _text("supplier", supplier)
    if name not in SUPPLIERS:
        return {"error": "不是协议供应商"}
    codes = sorted(WAREHOUSES)
    return {"warehouse": codes[(SUPPLIERS.index(name) * 7 + 3) % len(codes)]}


def delivery_hours(warehouse: str, speed: str = "普通") -> dict:
    """从仓库送到本厂所需的小时数。"""
    if not isinstance(speed, str) or speed not in SPEEDS:
        raise ValueError("没有这种配送方式")
    row = WAREHOUSES.get(_text("warehouse", warehouse).upper())
    return {"hours": round(row[1] * 5.25 * SPEEDS[speed], 1)} if row else {"error": "仓库编号不存在"}
