# SPDX-License-Identifier: Apache-2.0
"""Prints a line "pass|fail|skip NAME" for each test in the report FILE (JUnit's XML) of a module."""
import sys
import xml.etree.ElementTree

try:
    root = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
except (OSError, xml.etree.ElementTree.ParseError):
    print("fail", sys.argv[2], "(no report)")
    sys.exit()
for case in root.iter("testcase"):
    kinds = {child.tag for child in case}
    outcome = "fail" if kinds & {"failure", "error"} else "skip" if "skipped" in kinds else "pass"
    name = case.get("name", "?").removeprefix("test.").splitlines()[0]
    print(outcome, name)
