"""What the document says in words only: how late a profile may hold from. Read by schemathesis, see schema.sh."""

import datetime

import schemathesis

THIS_YEAR = datetime.date.today().year


@schemathesis.hook
def filter_case(context, case):
    """Leaves out an identify call with a `timestamp` in a year that has not passed; the others go as they were made up.

    It is refused if it lies in the future, and a JSON Schema knows no present.
    """
    if case.path != "/v1/identify" or not isinstance(case.body, dict):
        return True
    timestamp = case.body.get("timestamp")
    if not isinstance(timestamp, str) or not timestamp[:4].isdecimal():
        return True
    return int(timestamp[:4]) < THIS_YEAR
