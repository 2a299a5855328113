"""Offers of several shops for the same goods, and what their delivery costs."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    key: str
    shop: str
    model: str
    price: float
    grams: int
    depot: int


OFFERS = (
    Offer("OF-61B2", "Fotohaus", "Veyra M5", 749.0, 812, 3), Offer("OF-93D7", "Lensmarket", "Veyra M5", 718.5, 812, 7),
    Offer("OF-28K4", "Shutterbox", "Veyra M5", 765.9, 812, 1), Offer("OF-47T9", "Camerado", "Veyra M4", 529.0, 790, 5),
    Offer("OF-50A1", "Fotohaus", "Veyra M4", 541.0, 790, 3), Offer("OF-72C8", "Lensmarket", "Veyra M4", 536.4, 790, 7),
    Offer("OF-15H3", "Fotohaus", "Noctis 20", 1290.0, 1105, 3), Offer("OF-86F0", "Lensmarket", "Noctis 20", 1344.0, 1105, 7),
    Offer("OF-39R6", "Pixelwerk", "Noctis 20", 1265.0, 1105, 9), Offer("OF-04J5", "Camerado", "Noctis 20", 1310.0, 1105, 5),
    Offer("OF-68W2", "Shutterbox", "Brio Pocket", 269.0, 305, 1), Offer("OF-21L9", "Fotohaus", "Brio Pocket", 259.9, 305, 3),
    Offer("OF-97P4", "Pixelwerk", "Brio Pocket", 274.5, 305, 9), Offer("OF-33M8", "Lensmarket", "Brio Pocket", 265.0, 305, 7),
    Offer("OF-55X1", "Camerado", "Solen 135", 415.0, 540, 5), Offer("OF-80G6", "Pixelwerk", "Solen 135", 402.0, 540, 9),
)
SHOPS = {"Fotohaus", "Lensmarket", "Shutterbox", "Camerado", "Pixelwerk"}
SPEED = {"economy": 1.0, "standard": 1.4, "evening": 2.1}


def shop_offer(shop: str, model: str) -> dict:
    """The offer of one shop for one model."""
    if not isinstance(shop, str) or shop not in SHOPS:
        raise ValueError("unknown shop")
    if not isinstance(model, str) or not 3 <= len(model.strip()) <= 40:
        raise ValueError("model must be a full model name")
    wanted = " ".join(model.lower().split())
    for offer in OFFERS:
        if offer.shop == shop and offer.model.lower() == wanted:
            return {"offer_id": offer.key, "price": offer.price, "currency": "EUR", "in_stock": True}
    return {"error": "this shop has no offer for the model"}


def delivery_quote(offer_id: str, postcode: str, speed: str = "standard") -> dict:
    """Price and days of a delivery to a five-digit postcode."""
    if not isinstance(speed, str) or speed not in SPEED:
        raise ValueError("unknown speed")
    if not isinstance(postcode, str) or len(postcode) != 5 or not postcode.isdecimal():
        raise ValueError("postcode must have five digits")
    if not isinstance(offer_id, str) or len(offer_id) > 12:
        raise ValueError("offer_id must come from a shop")
    offer = next((offer for offer in OFFERS if offer.key == offer_id.upper()), None)
    if offer is None:
        return {"error": "unknown offer_id"}
    zone = abs(int(postcode[0]) - offer.depot)
    cost = (3.2 + 0.85 * zone + 0.0021 * offer.grams) * SPEED[speed]
    return {"cost": round(cost, 2), "days": 1 + zone // (2 if speed == "economy" else 3), "currency": "EUR"}
