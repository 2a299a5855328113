import csv
import io
from collections import defaultdict
from statistics import mean, median

EMPLOYEES_CSV = """id,name,department,salary,hired
E01,Priya Nair,Engineering,98000,2019-04-01
E02,Lars Holm,Engineering,104500,2016-09-12
E03,Aisha Diallo,Marketing,72000,2021-01-18
E04,Victor Moreau,Finance,81000,2018-06-25
E05,Mei Zhang,Engineering,89500,2022-02-07
E06,Owen Clarke,Marketing,68500,2020-10-05
E07,Sofia Ricci,Finance,93000,2014-03-03
"""


def _load():
    reader = csv.DictReader(io.StringIO(EMPLOYEES_CSV))
    return [{**row, "salary": int(row["salary"])} for row in reader]


def query_employees(department: str = "", group_by_department: bool = False, min_salary: int = 0) -> dict:
    """Query the employee table, or summarise salaries by department."""
    rows = [row for row in _load() if row["salary"] >= min_salary]
    if department:
        rows = [row for row in rows if row["department"].lower() == department.lower()]
        if not rows:
            return {"error": f"no employees match department {department!r}"}
    if not group_by_department:
        return {"count": len(rows), "employees": rows}
    groups = defaultdict(list)
    for row in rows:
        groups[row["department"]].append(row["salary"])
    return {
        name: {"headcount": len(pay), "mean": round(mean(pay), 2), "median": median(pay)}
        for name, pay in sorted(groups.items())
    }
