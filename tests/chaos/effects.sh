# shellcheck shell=bash
# shellcheck disable=SC2317  # conditions are called by wait_until
# A tenant whose rule assigns each new lead, plans an activity, posts a webhook and sends a mail; a receiver and a mail
# server that write down what reaches them; and the check that each lead had each effect exactly once.
#
#   source effects.sh
#   effects_start           before it, the suite is there (suite.sh); starts the services. EFFECTS_CONDITION: of which
#                           leads the rule is, as a filter; else of all
#   create_leads <caller>   until $RUN/stop is there; acknowledged names go to $RUN/leads.<caller>
#   effects_over            waits until nothing is to be done any more
#   effects_check           prints the figures; `fails` is 1 if one is wrong
# shellcheck disable=SC2034  # fails: for the caller
# shellcheck source=tests/e2e/suite.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/suite.sh"
export EMBUDO_TENANT=chaos
export EMBUDO_AUTOMATION_PRIVATE_WEBHOOK_TARGETS=true
# A mail that was handed over and not written down as sent goes out again when its lease is over.
export EMBUDO_AUTOMATION_SMTP_URL=smtp://127.0.0.1:$((PORTS + 300)) EMBUDO_AUTOMATION_SMTP_TLS=none
export EMBUDO_AUTOMATION_MAIL_FROM=sales@chaos.example EMBUDO_AUTOMATION_MAIL_LEASE_MS=5000
export EMBUDO_AUTOMATION_MAIL_DOMAIN_RATE=0
fails=0
helpers=()

effects_end() {
  local code=$?
  kill "${helpers[@]}" 2>/dev/null || true
  suite_end "$code"
}

effects_start() {
  local user
  suite_start
  "$EMBUDO" admin create-tenant "$EMBUDO_TENANT" >/dev/null
  mkdir -p "$RUN/receiver" "$RUN/mails"
  echo 204 >"$RUN/receiver/answer"
  trap effects_end EXIT
  node tests/e2e/receiver.js "$RUN/receiver" >"$RUN/logs/receiver.log" 2>&1 &
  helpers+=($!)
  /usr/bin/python3 tests/integration/outbound/smtp_server.py --port "$((PORTS + 300))" --folder "$RUN/mails" \
    >"$RUN/logs/mail_server.log" 2>&1 &
  helpers+=($!)
  wait_until 20 test -s "$RUN/receiver/port" || die "no receiver"
  "$EMBUDO" --format json webhook create receiver --uri "http://127.0.0.1:$(cat "$RUN/receiver/port")/" |
    grep -o '"secret": *"[^"]*"' | cut -d'"' -f4 >"$RUN/receiver/secrets"
  for user in ada bob cyd; do
    "$EMBUDO" call pipeline.v1.TeamService/CreateUser "{\"user_id\":\"$user\",\"user\":{\"display_name\":\"$user\"}}" \
      >/dev/null
    "$EMBUDO" call pipeline.v1.TeamService/CreateMembership \
      "{\"parent\":\"teams/sales\",\"membership_id\":\"$user\",\"membership\":{\"user\":\"users/$user\"}}" >/dev/null
  done
  wait_until 30 members_known || die "the members did not come"
  "$EMBUDO" rule create everything --json '{
    "enabled": true, "trigger": {"lead_created": {}}, "condition": "'"${EFFECTS_CONDITION:-}"'",
    "actions": [{"assign": {"team": "teams/sales"}},
                {"create_activity": {"summary": "Follow up"}},
                {"call_webhook": {"webhook": "webhooks/receiver"}},
                {"send_email": {"template": "mailTemplates/first-outreach"}}]}' >/dev/null
}
members_known() { (($(suite_sql "SELECT count(*) FROM automation.member") == 3)); }

create_leads() {
  local n=0
  : >"$RUN/leads.$1"
  while [[ ! -e $RUN/stop ]]; do
    n=$((n + 1))
    "$EMBUDO" --timeout 10 --format json lead create "display_name=Deal $1-$n" "email=p$n-$1@acme.example" \
      team=teams/sales 2>/dev/null | grep -o '"name": *"leads/[^"]*"' | cut -d'"' -f4 >>"$RUN/leads.$1" || true
  done
}
count_leads() { cat "$RUN"/leads.* 2>/dev/null | wc -l; }

nothing_to_do() {
  (($(suite_sql "SELECT (SELECT count(*) FROM automation.run WHERE next_attempt_time IS NOT NULL)
    + (SELECT count(*) FROM automation.webhook_delivery WHERE next_attempt_time IS NOT NULL)
    + (SELECT count(*) FROM automation.mail WHERE state IN ('QUEUED', 'SENDING'))
    + (SELECT count(*) FROM pipeline.lead l
       WHERE NOT EXISTS (SELECT 1 FROM automation.run r WHERE r.lead_id = l.lead_id))") == 0))
}
effects_over() {
  wait_until 400 nothing_to_do ||
    die "not all is done: $(suite_sql "SELECT state, count(*), min(error) FROM automation.run GROUP BY 1")"
}

# equal <what> <wanted> <statement>
equal() {
  local got
  got=$(suite_sql "$3")
  if [[ $got == "$2" ]]; then echo "ok    $1: $got"; else
    echo "WRONG $1: wanted $2, got $got"
    fails=1
  fi
}
# once_each <what> <table> [condition]: as many leads have exactly one as there are leads.
once_each() {
  equal "leads with one $1" "$leads" \
    "SELECT count(*) FROM (SELECT lead_id FROM $2 WHERE ${3:-TRUE} GROUP BY lead_id HAVING count(*) = 1) x"
}

effects_check() {
  local posted ids sent message_ids
  leads=$(suite_sql "SELECT count(*) FROM pipeline.lead")
  echo "$leads leads, $(count_leads) of them acknowledged"
  equal "acknowledged leads that are there" "$(cat "$RUN"/leads.* | sort -u | wc -l)" \
    "SELECT count(*) FROM pipeline.lead
      WHERE lead_id IN ($(cat "$RUN"/leads.* | sed "s/.*\///; s/.*/'&'/" | paste -sd,))"
  equal "runs that succeeded" "$leads" "SELECT count(*) FROM automation.run WHERE state = 'SUCCEEDED'"
  once_each "run" automation.run
  once_each "assignment" pipeline.lead_history "position('lead.assigned'::bytea IN data) > 0"
  equal "leads with an owner" "$leads" "SELECT count(*) FROM pipeline.lead WHERE owner_id IS NOT NULL"
  once_each "activity" pipeline.activity
  once_each "delivery" automation.webhook_delivery "state = 'DELIVERED'"
  once_each "mail" automation.mail "state = 'SENT'"
  equal "dead letters" 0 "SELECT count(*) FROM automation.dead_letter"
  posted=$(wc -l <"$RUN/receiver/pushes")
  ids=$(cut -d' ' -f1 "$RUN/receiver/pushes" | sort -u | wc -l)
  echo "the receiver saw $posted posts with $ids ids"
  if grep -qv ' 204 1 1$' "$RUN/receiver/pushes"; then
    echo "WRONG a post was not signed as it should be"
    fails=1
  fi
  sent=$(find "$RUN/mails" -name '*.json' | wc -l)
  message_ids=$(cat "$RUN"/mails/*.json | grep -o 'Message-I[dD]: <[^>]*>' | sort -u | wc -l)
  echo "the mail server took $sent mails with $message_ids Message-IDs"
  [[ $ids == "$leads" && $message_ids == "$leads" ]] || {
    echo "WRONG ids at the receiver or the mail server: wanted $leads"
    fails=1
  }
}
