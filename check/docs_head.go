package check

// docsHead is what docs/check.md says before the codes.
const docsHead = "# edgeman check\n\n" +
	"`edgeman check [SITE...]` looks for what is about to break: certificates, their renewal, nginx's configuration and what it proxies to, " +
	"sockets, containers, and edgeman's own records. It works on any host with nginx, adopted apps or not. It changes nothing, and asks nothing over the network: " +
	"it reads files and /proc, asks systemd and Docker, and makes handshakes with this host's own nginx. " +
	"As root it runs `nginx -t`, which creates the empty log files and cache directories that nginx itself would.\n\n" +
	"`SITE` is a server name, an app, or an enabled site file. Without one everything is looked at.\n" + `
## Severities and exit codes

| severity | meaning | exit code |
|---|---|---|
| critical | visitors are hit, or will be before a person can act | 2 |
| unknown | something could not be looked at | 3 |
| warning | act this week | 1 |
| notice | advice; never mailed | 0 (1 with ` + "`--strict`" + `) |

The worst decides, in the order of the table: a blind spot does not look like health, and does not hide a critical.
` + "`--fail-on critical|warning|notice|never`" + ` moves the line. A usage error exits with 3.

## Forms

- Without a flag: grouped by site, the worst first, with a hint for each finding.
- ` + "`--quiet`" + ` for cron: not one byte when there is no warning or worse. Otherwise the first line can be a mail's subject.
- ` + "`--json`" + `: ` + "`schema`, `tool`, `host`, `started`, `duration_seconds`, `exit`, `summary`, `checked`, `findings[]`, `ignored[]`, `recovered[]`, `known`, `inventory[]`" + `. Fields are only ever added.
- ` + "`--nagios`" + `: one line with performance data (` + "`min_left_ratio`" + ` is 1 when the first renewal is due and 0 at its end), details below.
- ` + "`--prometheus FILE`" + `: writes metrics for node_exporter's textfile collector in one rename, mode 0644, beside the other output.
- ` + "`--explain CODE`" + `: the section below for one code; ` + "`--explain list`" + ` lists all.

| metric | labels |
|---|---|
| edgeman_certificate_not_after_seconds, _not_before_seconds, _renewal_due_seconds | server, source (disk or served), path, sha256 |
| edgeman_check_findings | code, severity |
| edgeman_check_last_run_timestamp_seconds, _duration_seconds, _success | |

## Running it by itself

` + "`edgeman check --install-timer`" + ` installs an hourly timer that runs ` + "`edgeman check --quiet --remember`" + ` and mails root when it fails,
and a cron entry that stands aside where systemd runs.

With ` + "`--remember`" + ` edgeman keeps what it saw in /var/lib/edgeman/check.json: a new finding is said at once, a critical one again after a day, a warning after a week,
and what has gone away once. What stands and is not said again is counted: "nothing new; 1 critical and 1 warning known since ..." (` + "`--quiet`" + ` prints nothing then).
The exit code speaks of what is said, so it is 0 when nothing is new: the timer mails whenever it is not. ` + "`edgeman status`" + ` shows how long ago the last such run was, because silence could also mean that nothing runs.

## Settings

` + "```toml" + `
# /etc/edgeman/edgeman.toml
[check]
warn = 0.7     # of the renewal window that may be left before an expiry is a warning
crit = 0.35    # and before it is critical
trusted_ca = ["/etc/ssl/our-ca.pem"]     # authorities that visitors of this host trust
internal = ["intranet.example.com"]      # names whose visitors accept any certificate

[[check.certificate]]                    # absolute thresholds for one certificate
subject = "/etc/ssl/bought.pem"          # or a server name
warn_days = 40
crit_days = 14

[[check.ignore]]
code = "cert-weak-key"
subject = "/etc/ssl/old.pem"             # as the finding names it; without it, every subject
reason = "replaced in spring"            # required
until = 2027-04-01                       # optional; once past, a notice says so
` + "```" + `

A finding about a line of the nginx configuration can be ignored there, in a comment right above the line:
` + "`# edgeman: ignore CODE reason`" + `.

## Codes
`
