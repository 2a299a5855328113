from typing import Generator, Tuple


def _payments(principal: float, monthly_rate: float, payment: float, months: int) -> Generator[Tuple[int, float, float, float], None, None]:
    balance = principal
    for month in range(1, months + 1):
        interest = balance * monthly_rate
        capital = min(balance, payment - interest)
        balance -= capital
        yield month, interest, capital, max(balance, 0.0)


def amortization_schedule(principal: float, annual_rate: float, years: int, show_months: int = 3) -> dict:
    """Monthly payment, total interest and the first rows of the repayment plan of an annuity loan."""
    if principal <= 0:
        return {"error": "principal must be positive"}
    if not 0 <= annual_rate < 100:
        return {"error": "annual_rate is a percentage below 100"}
    if years < 1 or years > 40:
        return {"error": "years must be between 1 and 40"}
    months = years * 12
    rate = annual_rate / 1200
    payment = principal / months if rate == 0 else principal * rate / (1 - (1 + rate) ** -months)
    rows, interest_total = [], 0.0
    for month, interest, capital, balance in _payments(principal, rate, payment, months):
        interest_total += interest
        if month <= show_months or month == months:
            rows.append({"month": month, "interest": round(interest, 2), "capital": round(capital, 2), "balance": round(balance, 2)})
    return {"payment": round(payment, 2), "total_interest": round(interest_total, 2), "rows": rows}
