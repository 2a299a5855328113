"""果园地块与农资报价。"""
from decimal import ROUND_HALF_UP, Decimal

# 地块编号 -> (农户, 地块名, 亩数, 作物)
PLOTS = {
    "DK-0317": ("罗家", "南坡园", "12.6", "柑橘"), "DK-0322": ("罗家", "溪边园", "7.9", "柑橘"),
    "DK-0335": ("罗家", "老井园", "5.4", "枇杷"), "DK-0341": ("马家", "南坡园", "9.8", "柑橘"),
    "DK-0356": ("马家", "东岭园", "15.2", "梨"), "DK-0368": ("马家", "水库园", "6.7", "桃"),
    "DK-0374": ("谢家", "溪边园", "11.3", "柑橘"), "DK-0389": ("谢家", "石桥园", "8.5", "李"),
    "DK-0392": ("谢家", "北坡园", "13.1", "梨"), "DK-0405": ("何家", "竹林园", "4.6", "桃"),
    "DK-0418": ("何家", "大湾园", "17.4", "柑橘"), "DK-0423": ("何家", "溪边园", "10.2", "枇杷"),
    "DK-0437": ("冯家", "祠堂园", "3.8", "李"), "DK-0446": ("冯家", "南坡园", "14.7", "柑橘"),
    "DK-0459": ("冯家", "沙坝园", "9.1", "桃"), "DK-0461": ("曾家", "东岭园", "16.3", "梨"),
}
# 肥料 -> (每亩公斤, 每公斤价格)
FERTILIZERS = {
    "有机肥": ("180", "1.15"), "复合肥": ("45", "3.40"), "钾肥": ("22", "4.65"), "磷肥": ("30", "2.10"),
    "缓释肥": ("36", "5.20"), "菌肥": ("12", "9.80"),
}
# 满这么多亩 -> 折扣
DISCOUNTS = ((Decimal("30"), Decimal("0.90")), (Decimal("20"), Decimal("0.94")), (Decimal("10"), Decimal("0.97")))


def find_plot(farmer: str, plot_name: str) -> dict:
    """按农户和地块名查地块编号。"""
    for name, value in (("farmer", farmer), ("plot_name", plot_name)):
        if not isinstance(value, str) or not 2 <= len(value.strip()) <= 12:
            raise ValueError(f"{name}应为2到12个字的文字")
    for key, row in PLOTS.items():
        if row[:2] == (farmer.strip(), plot_name.strip()):
            return {"plot_no": key}
    return {"error": "没有这块地的登记"}


def plot_detail(plot_no: str) -> dict:
    """地块的面积和作物。"""
    if not isinstance(plot_no, str) or len(plot_no) > 12:
        raise ValueError("plot_no应为地块编号")
    row = PLOTS.get(plot_no.strip().upper())
    return {"area_mu": float(row[2]), "crop": row[3]} if row else {"error": "地块编号不存在"}


def fertilizer_quote(area_mu: float, fertilizer: str) -> dict:
    """按总面积给出一种肥料的用量和金额,面积大有折扣。"""
    if not isinstance(fertilizer, str) or fertilizer not in FERTILIZERS:
        raise ValueError("没有这种肥料")
    if isinstance(area_mu, bool) or not isinstance(area_mu, (int, float)) or not 0.1 <= area_mu <= 500:
        raise ValueError("area_mu应在0.1到500之间")
    per_mu, price = (Decimal(text) for text in FERTILIZERS[fertilizer])
    area = Decimal(str(area_mu))
    factor = next((rate for least, rate in DISCOUNTS if area >= least), Decimal("1"))
    amount = area * per_mu
    total = (amount * price * factor).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"kilograms": float(amount), "discount": float(factor), "total_yuan": float(total)}
