package install

// BashCompletion is what bash sources to complete edgeman's command line. The
// program itself says what is possible, so the script never lags behind it.
const BashCompletion = `# bash completion for edgeman
_edgeman() {
    local cur words
    cur="${COMP_WORDS[COMP_CWORD]}"
    words=$(edgeman --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _edgeman edgeman
`
