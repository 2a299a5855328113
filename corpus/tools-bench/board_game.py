from typing import List, Optional

BOARD: List[str] = [" "] * 9
LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


class IllegalMove(Exception):
    pass


def _winner(board: List[str]) -> Optional[str]:
    for a, b, c in LINES:
        if board[a] != " " and board[a] == board[b] == board[c]:
            return board[a]
    return "draw" if " " not in board else None


def _best(board: List[str], player: str) -> tuple:
    outcome = _winner(board)
    if outcome:
        return {"O": 1, "draw": 0, "X": -1}[outcome], -1
    other = "X" if player == "O" else "O"
    options = []
    for cell in (i for i, mark in enumerate(board) if mark == " "):
        board[cell] = player
        options.append((_best(board, other)[0], cell))
        board[cell] = " "
    pick = max if player == "O" else min
    return pick(options, key=lambda option: (option[0], -option[1]) if player == "O" else (option[0], option[1]))


def play_move(cell: int, restart: bool = False) -> dict:
    """Play X at a cell (0-8) of noughts and crosses; the computer answers with O."""
    if restart:
        BOARD[:] = [" "] * 9
    if _winner(BOARD):
        raise IllegalMove("the game is over")
    if cell not in range(9) or BOARD[cell] != " ":
        raise IllegalMove(f"cell {cell} is not free")
    BOARD[cell] = "X"
    if not _winner(BOARD):
        BOARD[_best(BOARD, "O")[1]] = "O"
    rows = ["".join(BOARD[i:i + 3]).replace(" ", ".") for i in (0, 3, 6)]
    return {"board": rows, "outcome": _winner(BOARD) or "running"}
