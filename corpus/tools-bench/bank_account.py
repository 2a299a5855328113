from typing import Dict, List


class InsufficientFundsError(Exception):
    def __init__(self, balance: float, amount: float):
        super().__init__(f"Insufficient funds: balance {balance:.2f}, requested {amount:.2f}")
        self.balance = balance
        self.amount = amount


class Account:
    def __init__(self, owner: str, balance: float = 0.0):
        self.owner = owner
        self._balance = balance
        self._history: List[Dict] = []

    @property
    def balance(self) -> float:
        return round(self._balance, 2)

    @property
    def history(self) -> List[Dict]:
        return list(self._history)

    def deposit(self, amount: float) -> None:
        self._balance += amount
        self._history.append({"type": "deposit", "amount": amount, "balance": self.balance})

    def withdraw(self, amount: float) -> None:
        if amount > self._balance:
            raise InsufficientFundsError(self._balance, amount)
        self._balance -= amount
        self._history.append({"type": "withdraw", "amount": amount, "balance": self.balance})


ACCOUNTS: Dict[str, Account] = {
    "ACC-1001": Account("Maria Lopez", 1250.75),
    "ACC-1002": Account("Kenji Watanabe", 310.0),
}


def bank_operation(account_id: str, operation: str, amount: float = 0.0) -> Dict:
    """Deposit to, withdraw from, or inspect an account.

    Args:
        account_id: Account number such as ACC-1001.
        operation: deposit, withdraw, balance or history.
        amount: Positive amount for deposit and withdraw.
    """
    account = ACCOUNTS.get(account_id)
    if account is None:
        return {"status": "error", "message": f"Account {account_id} not found"}
    if operation in ("deposit", "withdraw") and amount <= 0:
        return {"status": "error", "message": "Amount must be greater than zero"}
    try:
        if operation == "deposit":
            account.deposit(amount)
        elif operation == "withdraw":
            account.withdraw(amount)
        elif operation == "history":
            return {"status": "ok", "history": account.history}
        elif operation != "balance":
            return {"status": "error", "message": f"Unknown operation {operation!r}"}
    except InsufficientFundsError as exc:
        return {"status": "error", "message": str(exc), "missing": round(exc.amount - exc.balance, 2)}
    return {"status": "ok", "owner": account.owner, "balance": account.balance}
