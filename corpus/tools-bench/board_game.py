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


def _completing(board: List[str], player: str) -> Optional[int]:
    """The cell that gives the player three in a line, if there is one."""
    for line in LINES:
        marks = [board[cell] for cell in line]
        if marks.count(player) == 2 and " " in marks:
            return line[marks.index(" ")]
    return None


def _answer(board: List[str]) -> int:
    """Win, else block, else the centre, else a corner, else what is left."""
    for player in ("O", "X"):
        if (cell := _completing(board, player)) is not None:
            return cell
    return next(cell for cell in (4, 0, 2, 6, 8, 1, 3, 5, 7) if board[cell] == " ")


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
        BOARD[_answer(BOARD)] = "O"
    rows = ["".join(BOARD[i:i + 3]).replace(" ", ".") for i in (0, 3, 6)]
    return {"board": rows, "outcome": _winner(BOARD) or "running"}
