# Run at build time: writes OUT, a C++ file that defines NAME in NAMESPACE as the text of FILE.
file(READ ${FILE} TEXT)
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\nconst char ${NAME}[] = R\"~(${TEXT})~\";\n}\n")
