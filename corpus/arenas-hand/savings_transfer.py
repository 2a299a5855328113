"""Accounts of a small bank; transfers change the balances in the state of the episode."""
from decimal import ROUND_HALF_UP, Decimal

from astra import new_id

# id -> (holder, kind)
ACCOUNTS = {
    "AC-70418": ("Miriam Falk", "savings"), "AC-70426": ("Miriam Falk", "checking"), "AC-70433": ("Miriam Falk", "deposit"),
    "AC-71150": ("Jakob Stern", "savings"), "AC-71168": ("Jakob Stern", "checking"), "AC-72304": ("Lea Winter", "savings"),
    "AC-72312": ("Lea Winter", "checking"), "AC-73087": ("Omar Aziz", "savings"), "AC-73095": ("Omar Aziz", "business"),
    "AC-74561": ("Greta Holm", "checking"), "AC-74579": ("Greta Holm", "savings"), "AC-75920": ("Paul Kern", "checking"),
    "AC-75938": ("Paul Kern", "joint"), "AC-76643": ("Nadia Petrov", "savings"), "AC-76651": ("Nadia Petrov", "checking"),
    "AC-77209": ("Eva Lorenz", "joint"),
}
KINDS = {"savings", "checking", "deposit", "business", "joint"}
CENT = Decimal("0.01")


def _account(state: dict, name: str, value):
    if not isinstance(value, str) or not 1 <= len(value) <= 20:
        raise ValueError(f"{name} must be an account number")
    return state["balances"].get(value.strip().upper())


def find_account(holder: str, kind: str) -> dict:
    """Number of a holder's account of one kind."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError("unknown kind of account")
    if not isinstance(holder, str) or not 5 <= len(holder.strip()) <= 60:
        raise ValueError("holder must be a full name")
    wanted = " ".join(holder.lower().split())
    for number, row in ACCOUNTS.items():
        if row[0].lower() == wanted and row[1] == kind:
            return {"account": number, "kind": kind}
    return {"error": "the holder has no such account"}


def account_balance(state: dict, account: str) -> dict:
    """Balance of an account now."""
    balance = _account(state, "account", account)
    if balance is None:
        return {"error": "unknown account"}
    return {"balance": float(balance), "currency": "EUR"}


def transfer_money(state: dict, from_account: str, to_account: str, amount: float) -> dict:
    """Move money between two accounts; the sender pays a fee of 0.2 percent, at least 0.35."""
    sender = _account(state, "from_account", from_account)
    receiver = _account(state, "to_account", to_account)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= 1_000_000:
        raise ValueError("amount must be positive and at most one million")
    if sender is None or receiver is None:
        return {"error": "unknown account"}
    source, target = from_account.strip().upper(), to_account.strip().upper()
    if source == target:
        return {"error": "both accounts are the same"}
    money = Decimal(str(amount)).quantize(CENT, rounding=ROUND_HALF_UP)
    fee = max(Decimal("0.35"), (money / 500).quantize(CENT, rounding=ROUND_HALF_UP))
    if Decimal(sender) < money + fee:
        return {"error": "the balance does not cover amount and fee"}
    state["balances"][source] = str(Decimal(sender) - money - fee)
    state["balances"][target] = str(Decimal(receiver) + money)
    record = {"from": source, "to": target, "amount": str(money)}
    number = new_id(state, "tr", record)
    state["transfers"][number] = {**record, "fee": str(fee)}
    return {"transfer_id": number, "from_account": source, "to_account": target, "fee": float(fee)}
