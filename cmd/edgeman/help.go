package main

import "github.com/urfave/cli/v2"

const appHelp = `edgeman: {{.Usage}}

Usage: {{.UsageText}}
{{range .VisibleCategories}}
{{.Name}}:{{range .VisibleCommands}}
  {{printf "%-11s" .Name}} {{.Usage}}{{end}}
{{end}}
Flags for every command:
{{range .VisibleFlags}}  {{.}}
{{end}}
Exit codes: 0 done, 1 failed and undone, 2 usage, 3 refused (nothing changed),
4 another command holds the lock, 5 failed and not fully undone.
`

const commandHelp = `edgeman {{.Name}}: {{.Usage}}

Usage: edgeman {{.Name}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}{{if .VisibleFlags}} [FLAGS]{{end}}
{{if .Description}}
{{.Description}}
{{end}}{{if .VisibleFlags}}
Flags:
{{range .VisibleFlags}}  {{.}}
{{end}}{{end}}`

func helpCommand() command {
	return command{
		arguments: arguments{"[COMMAND]", 0, 1, commandName},
		Command: cli.Command{
			Name:     "help",
			Category: groupLook,
			Usage:    "show the commands, or how to use one",
			Action: func(c *cli.Context) error {
				if c.NArg() == 0 {
					return cli.ShowAppHelp(c)
				}
				name := c.Args().First()
				cmd := c.App.Command(name)
				if cmd == nil {
					return unknownCommand(c.App, name, "edgeman help ")
				}
				cli.HelpPrinter(c.App.Writer, commandHelp, cmd)
				return nil
			},
		},
	}
}
