# bash completion for postern-cluster(8)
# shellcheck shell=bash disable=SC2207 # as completions are made: one word each of what compgen says
_postern_cluster()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

    case $prev in
    -c | --config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "init join status -c -t -V -h" -- "$cur"))
    elif [ "${COMP_WORDS[1]}" = status ]; then
        COMPREPLY=($(compgen -W "-c --json --help" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "-c -t -V -h" -- "$cur"))
    fi
}
complete -F _postern_cluster postern-cluster
