# bash completion for postern(8)
# shellcheck shell=bash disable=SC2207 # as completions are made: one word each of what compgen says
_postern()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    local commands="explain log would-refuse block unblock blocks hold release discard report status top metrics learn check audit
        check-postfix setup-postfix test-message allow deny forget alert act web-user reload help"

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c | --config) ((i++)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $prev in
    -c | --config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --config-dir) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --tls) COMPREPLY=($(compgen -W "none 1.0 1.1 1.2 1.3" -- "$cur")); return ;;
    --method) COMPREPLY=($(compgen -W "PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER" -- "$cur")); return ;;
    --stage) COMPREPLY=($(compgen -W "auth mail rcpt data end" -- "$cur")); return ;;
    --verdict) COMPREPLY=($(compgen -W "pass defer reject hold refused" -- "$cur")); return ;;
    --for | --since) COMPREPLY=($(compgen -W "15m 1h 2h 1d 7d" -- "$cur")); return ;;
    esac
    case $command in
    '') COMPREPLY=($(compgen -W "$commands -c -t -V -h" -- "$cur")) ;;
    explain)
        COMPREPLY=($(compgen -W "--user --client --method --tls --sender --recipient --from --size --at --stage
            --log-line --policy --json --help" -- "$cur"))
        ;;
    block) COMPREPLY=($(compgen -W "--for --reason --force --help user login client network connector" -- "$cur")) ;;
    unblock)
        # What can be unblocked is what is blocked.
        COMPREPLY=($(compgen -W "--accept --at-most --reason --help user login client network connector
            $(postern blocks --csv 2>/dev/null | sed -n '2,$s/^"\{0,1\}[a-z]* \([^",]*\).*/\1/p')" -- "$cur"))
        ;;
    log)
        COMPREPLY=($(compgen -W "--cluster --user --client --verdict --reason --limit --stage --since --lines --export --settings --runs --csv --json --help" -- "$cur"))
        ;;
    report)
        COMPREPLY=($(compgen -W "enabled disabled inherited used unused refused basic legacy-tls failed-sign-ins new-networks habits --days --powershell
            --force --csv --json --help" -- "$cur"))
        ;;
    act) COMPREPLY=($(compgen -W "--user --help" -- "$cur")) ;;
    would-refuse) COMPREPLY=($(compgen -W "--since --csv --json --help" -- "$cur")) ;;
    hold | release) COMPREPLY=($(compgen -W "--since --config-dir --dry-run --csv --json --help" -- "$cur")) ;;
    discard) COMPREPLY=($(compgen -W "--since --config-dir --dry-run --yes --csv --json --help" -- "$cur")) ;;
    learn)
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$cur") $(compgen -W "--sign-ins --include --dry-run --yes --json --help" -- "$cur"))
        ;;
    audit) COMPREPLY=($(compgen -W "--days --accept --until --where --reason --withdraw --basic-shutdown --config-dir --csv --json --junit --help" -- "$cur")) ;;
    blocks) COMPREPLY=($(compgen -W "--ended --since --lines --csv --json --help" -- "$cur")) ;;
    check-postfix) COMPREPLY=($(compgen -W "--keep --accept --until --where --reason --withdraw --config-dir --json --junit --help" -- "$cur")) ;;
    setup-postfix) COMPREPLY=($(compgen -W "--dry-run --apply --undo --force --config-dir --help" -- "$cur")) ;;
    test-message)
        COMPREPLY=($(compgen -W "--to --from --user --method --password-fd --server --implicit-tls --name --ca --client
            --timeout --config-dir --json --help" -- "$cur"))
        ;;
    check) COMPREPLY=($(compgen -W "--json --help" -- "$cur")) ;;
    status) COMPREPLY=($(compgen -W "--check --cluster --json --help" -- "$cur")) ;;
    top) COMPREPLY=($(compgen -W "--interval --once --help" -- "$cur")) ;;
    alert) COMPREPLY=($(compgen -W "--test --wait --help" -- "$cur")) ;;
    web-user)
        case $prev in
        --role) COMPREPLY=($(compgen -W "metrics viewer reader operator admin" -- "$cur")) ;;
        --expires) COMPREPLY=($(compgen -W "30d 90d 365d never" -- "$cur")) ;;
        remove) COMPREPLY=($(compgen -W "$(postern web-user list --csv 2>/dev/null | sed -n '2,$s/,.*//p')" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -W "add token remove list --role --tenants --expires --csv --json --help" -- "$cur")) ;;
        esac
        ;;
    help) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
    allow | deny) COMPREPLY=($(compgen -W "--cluster --reason --force --help" -- "$cur")) ;;
    forget) COMPREPLY=($(compgen -W "--cluster --reason --force --help" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "--csv --json --help" -- "$cur")) ;;
    esac
}
complete -F _postern postern
