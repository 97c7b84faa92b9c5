package deployer

import (
	"path/filepath"
	"strings"
)

// unitFiles are the unit templates for this host.
func (h *Host) unitFiles(p program, facts Facts) ([]installFile, error) {
	fill := strings.NewReplacer("@PROGRAM@", p.path, "@GROUP@", facts.Nginx.Group)
	return []installFile{
		{path: filepath.Join(h.System.Root, unitDir, "edgeman@.socket"), mode: 0o644, data: []byte(fill.Replace(socketTemplate))},
		{path: filepath.Join(h.System.Root, unitDir, "edgeman@.service"), mode: 0o644, data: []byte(fill.Replace(serviceTemplate))},
	}, nil
}

const socketTemplate = `[Unit]
Description=edgeman slot %i: listening socket
ConditionPathExists=/var/lib/edgeman/slots/%i

[Socket]
ListenStream=/run/edgeman/%i.sock
Accept=no
Backlog=65535
TriggerLimitIntervalSec=0
FlushPending=no
SocketMode=0660
SocketGroup=@GROUP@
DirectoryMode=0755
FileDescriptorName=slot

[Install]
WantedBy=sockets.target
`

const serviceTemplate = `[Unit]
Description=edgeman slot %i
StartLimitIntervalSec=0
Requires=edgeman@%i.socket
After=edgeman@%i.socket docker.service
Wants=docker.service

[Service]
Type=notify
ExecStart=@PROGRAM@ serve %i
ExecReload=/bin/kill -HUP $MAINPID
NonBlocking=yes
Restart=always
RestartSec=500ms
SuccessExitStatus=75
RestartPreventExitStatus=75
TimeoutStartSec=60
TimeoutStopSec=90
SyslogLevelPrefix=no
KillMode=mixed

[Install]
WantedBy=multi-user.target
`
