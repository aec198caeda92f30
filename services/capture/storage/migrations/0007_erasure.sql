-- A submission of an erased person is refused, and not kept.
GRANT DELETE ON capture.dedupe_key, capture.submission_raw TO capture_rpc;
