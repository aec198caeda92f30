# Reads ctest's LastTest.log and prints `<passed> <failed>`: cases where a program is of GoogleTest, else programs. One
# that ends badly without naming a failed case (a crash, a sanitizer's report, a time-out) counts as one failure.
/^\[  PASSED  \] [0-9]+ test/ { cases += $4; counted = 1 }
/^\[  FAILED  \] [0-9]+ test/ { bad += $4 }
/^Test Passed\./ { passed += counted ? cases : 1; reset() }
/^Test Failed\./ { passed += cases; failed += bad ? bad : 1; reset() }
function reset() { cases = bad = counted = 0 }
END { print passed + 0, failed + 0 }
