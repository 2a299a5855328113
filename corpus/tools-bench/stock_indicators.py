from collections import deque
from statistics import fmean, stdev
from typing import Iterable, Iterator, List

PRICES = {
    "NMBS": [41.2, 41.9, 41.5, 42.8, 43.1, 42.6, 43.9, 44.4, 43.7, 45.0, 45.6, 45.1, 46.2, 46.0, 47.3],
    "QRTZ": [88.0, 87.1, 86.5, 87.9, 85.2, 84.0, 84.7, 83.1, 82.5, 83.6, 81.9, 80.4, 81.0, 79.8, 78.5],
}


def moving_average(values: Iterable[float], window: int) -> Iterator[float]:
    recent = deque(maxlen=window)
    for value in values:
        recent.append(value)
        if len(recent) == window:
            yield fmean(recent)


def relative_strength(values: List[float], period: int) -> float:
    changes = [b - a for a, b in zip(values, values[1:])][-period:]
    gains = fmean(max(c, 0) for c in changes)
    losses = fmean(max(-c, 0) for c in changes)
    return 100.0 if losses == 0 else 100 - 100 / (1 + gains / losses)


def technical_indicators(symbol: str, window: int = 5, period: int = 10) -> dict:
    """Moving average, volatility, relative strength and a simple signal for a share."""
    prices = PRICES.get(symbol.upper())
    if prices is None:
        raise LookupError(f"unknown symbol {symbol}")
    if window < 2 or window > len(prices):
        raise ValueError(f"window must be between 2 and {len(prices)}")
    averages = [round(v, 3) for v in moving_average(prices, window)]
    strength = round(relative_strength(prices, period), 2)
    returns = [b / a - 1 for a, b in zip(prices, prices[1:])]
    signal = "overbought" if strength > 70 else "oversold" if strength < 30 else "neutral"
    return {"symbol": symbol.upper(), "last": prices[-1], "sma": averages[-3:], "volatility": round(stdev(returns), 5), "rsi": strength, "signal": signal}
