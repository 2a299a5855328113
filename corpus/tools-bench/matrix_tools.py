from fractions import Fraction
from typing import List


class MatrixError(ArithmeticError):
    pass


class Matrix:
    def __init__(self, rows):
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            raise MatrixError("rows must be non-empty and of equal length")
        self.rows = [[Fraction(str(cell)) for cell in row] for row in rows]

    @classmethod
    def identity(cls, size: int) -> "Matrix":
        return cls([[int(i == j) for j in range(size)] for i in range(size)])

    @staticmethod
    def _number(value: Fraction):
        return int(value) if value.denominator == 1 else round(float(value), 6)

    def __matmul__(self, other: "Matrix") -> "Matrix":
        if len(self.rows[0]) != len(other.rows):
            raise MatrixError("shapes do not fit")
        return Matrix([[sum(a * b for a, b in zip(row, column)) for column in zip(*other.rows)] for row in self.rows])

    def transpose(self) -> "Matrix":
        return Matrix([list(column) for column in zip(*self.rows)])

    def determinant(self) -> Fraction:
        if len(self.rows) != len(self.rows[0]):
            raise MatrixError("only square matrices have a determinant")
        work = [list(row) for row in self.rows]
        result = Fraction(1)
        for i in range(len(work)):
            pivot = next((r for r in range(i, len(work)) if work[r][i] != 0), None)
            if pivot is None:
                return Fraction(0)
            if pivot != i:
                work[i], work[pivot] = work[pivot], work[i]
                result = -result
            result *= work[i][i]
            for r in range(i + 1, len(work)):
                factor = work[r][i] / work[i][i]
                work[r] = [x - factor * y for x, y in zip(work[r], work[i])]
        return result

    def to_list(self) -> List[list]:
        return [[Matrix._number(cell) for cell in row] for row in self.rows]


def matrix_operation(operation: str, a: list, b: list = None, power: int = 2) -> dict:
    """Determinant, transpose, product or power of matrices, computed exactly."""
    left = Matrix(a)
    if operation == "determinant":
        return {"result": str(left.determinant())}
    if operation == "transpose":
        return {"result": left.transpose().to_list()}
    if operation == "multiply":
        return {"result": (left @ Matrix(b or [])).to_list()}
    if operation == "power":
        result = Matrix.identity(len(a))
        for _ in range(power):
            result = result @ left
        return {"result": result.to_list()}
    raise MatrixError(f"unknown operation {operation}")
