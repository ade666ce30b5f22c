# The tables of README.md, from what the runs said. Called by run.sh as: awk -v table=goals|attacks|honest|curve|compare ...
# FILES, each named attacks.POLICY.SEED or honest.POLICY.SEED; -v policies="standard ...": the columns.
BEGIN { FS = "\t" }

FNR == 1 { n_parts = split(FILENAME, path, "/"); split(path[n_parts], part, "."); mode = part[1]; policy = part[2]; seed = part[3] }
$1 ~ /^by / { next }

mode == "attacks" {
    note($1)
    run = policy SUBSEP seed SUBSEP $1
    seeds[policy, seed]
    hour[run] = hour[run] " " $2; day[run] = day[run] " " $3; later[run] = later[run] " " $4
    any[run] = any[run] " " ($3 > $4 ? $3 : $4)
    victims[run]++
    if ($8 != "-") { blocked[run]++; when[run] = when[run] " " $8 }
}

mode == "honest" {
    phase = sub(/^new: /, "", $1) ? "new" : "settled"
    note($1)
    seeds[policy, seed]
    for (i = 2; i <= 9; i++) {
        sum[phase, policy, $1, i] += $i
        sum[phase, policy, "all", i] += $i
        of_seed[phase, policy, seed, $1, i] = $i
        of_seed[phase, policy, seed, "all", i] += $i
    }
}

# The rows of a table are those of its own kind of runs.
function note(name) {
    if ((mode == "honest") == (table == "honest") && !(name in known)) { order[++rows] = name; known[name] }
}

# ---- attacks: the median, 90th percentile and most of the victims; of each the worst of the seeds ----

function sort_words(text,    i, j, v) {
    n_words = split(text, word, " ")
    for (i = 2; i <= n_words; i++) {
        v = word[i] + 0
        for (j = i - 1; j > 0 && word[j] + 0 > v; j--) word[j + 1] = word[j]
        word[j + 1] = v
    }
}

function at(share,    i) { i = int(n_words * share + 0.999); return n_words == 0 ? 0 : word[i < 1 ? 1 : i] + 0 }

function worst(list, policy, name,    key, s) {
    median = ninth = most = found = 0
    for (key in seeds) {
        split(key, s, SUBSEP)
        if (s[1] != policy || !((policy, s[2], name) in list)) continue
        sort_words(list[policy, s[2], name])
        found = 1
        if (at(0.5) > median) median = at(0.5)
        if (at(0.9) > ninth) ninth = at(0.9)
        if (at(1) > most) most = at(1)
    }
    return found ? median "/" ninth "/" most : "-"
}

function all_blocked(policy, name,    key, s, all, n) {
    for (key in seeds) {
        split(key, s, SUBSEP)
        if (s[1] == policy) { all += victims[policy, s[2], name]; n += blocked[policy, s[2], name] }
    }
    if (n == 0) return "none"
    worst(when, policy, name)
    return (n == all ? "all" : n " of " all) ", " span(ninth)
}

function span(s) { return s < 120 ? s " s" : s < 7200 ? int(s / 60) " min" : s < 172800 ? int(s / 3600) " h" : int(s / 86400) " d" }

function print_compared(    i, j, line) {
    line = "| attack |"
    for (j = 1; j <= np; j++) line = line " " p[j] " |"
    rule(line)
    for (i = 1; i <= rows; i++) {
        line = "| " order[i] " |"
        for (j = 1; j <= np; j++) line = line " " worst(hour, p[j], order[i]) "; " worst(day, p[j], order[i]) " |"
        print line
    }
}

# Those from elsewhere are alike: of each group the worst. What has a goal stands among these.
function group_of(name) {
    if (name ~ /computer, (full|one a|trying|just)|patient|two days after|batch/) return ""
    if (name ~ /computer|own network/) return name
    return name ~ /^slow/ ? "from elsewhere, slow" : "from elsewhere, at full speed"
}

function larger(a, b,    x, y, i, out) {
    split(a, x, "/"); split(b, y, "/")
    for (i = 1; i <= 3; i++) out = out (i > 1 ? "/" : "") (x[i] + 0 > y[i] + 0 ? x[i] : y[i]) + 0
    return out
}

function print_attacks(    i, g, n, groups) {
    rule("| attack | first hour | first day | worst later day | blocked |")
    for (i = 1; i <= rows; i++) {
        if (worst(hour, p[1], order[i]) == "-") continue
        if ((g = group_of(order[i])) == "") continue
        if (!(g in kinds)) groups[++n] = g
        kinds[g]++
        of_hour[g] = larger(of_hour[g], worst(hour, p[1], order[i])); of_day[g] = larger(of_day[g], worst(day, p[1], order[i]))
        of_later[g] = larger(of_later[g], worst(later, p[1], order[i])); of_block[g] = all_blocked(p[1], order[i])
    }
    for (i = 1; i <= n; i++) {
        g = groups[i]
        print "| " g (kinds[g] > 1 ? " (" kinds[g] " kinds, the worst of each)" : "") " | " of_hour[g] " | " of_day[g] " | " of_later[g] " | " (kinds[g] > 1 ? "" : of_block[g]) " |"
    }
}

function rule(line) { print line; gsub(/[^|]+/, " --- ", line); print line }

# ---- honest mail: in 10,000 messages of a kind, of all seeds together ----

function rate(x, s) { return x == 0 ? "0" : x / s * 10000 < 10 ? sprintf("%.2g", x / s * 10000) : sprintf("%d", x / s * 10000) }

function cell(phase, policy, name,    k, n) {
    k = phase SUBSEP policy SUBSEP name
    n = sum[k, 2]
    return n == 0 ? "-" : rate(sum[k, 4], n) " / " rate(sum[k, 8], n) " / " rate(sum[k, 5] + sum[k, 6], n)
}

function honest_line(name,    j, line, n) {
    n = sum["settled", p[1], name, 2]
    line = "| " name " | " (n == 0 ? 0 : int(n / n_seeds(p[1]))) " | " cell("settled", p[1], name) " |"
    for (j = 1; j <= np; j++) line = line " " cell("new", p[j], name) " |"
    print line
}

function n_seeds(policy,    key, s, n) {
    for (key in seeds) { split(key, s, SUBSEP); n += s[1] == policy && (("settled", policy, s[2], "all", 2) in of_seed) }
    return n
}

function print_honest(    i, line) {
    line = "| honest mail | a year | after two weeks: " p[1] " |"
    for (i = 1; i <= np; i++) line = line " before: " p[i] " |"
    rule(line)
    for (i = 1; i <= rows; i++) honest_line(order[i])
    honest_line("all")
}

# ---- the curve: policies named hour_PLUS_HUNDREDTHS_day_PLUS_HUNDREDTHS ----

function share(policy, field,    n, x) {
    n = sum["settled", policy, "all", 2] - sum["settled", policy, DOUBLED, 2]
    x = sum["settled", policy, "all", field] - sum["settled", policy, DOUBLED, field]
    return n > 0 ? sprintf("%.2f", x / n * 10000) : "-"
}

function print_curve(    j, w) {
    DOUBLED = "payroll, doubled in December"
    rule("| hour; day | full speed | tries again after a minute | one a minute | deferred | late by 15 min | by a day |")
    for (j = 1; j <= np; j++) {
        split(p[j], w, "_")
        print "| " w[2] " + " w[3] / 100 " ×; " w[5] " + " w[6] / 100 " × | " worst(day, p[j], "from the victim's own computer, full speed") \
            " | " worst(any, p[j], "own computer, trying each message again after a minute") \
            " | " worst(any, p[j], "from the victim's own computer, one a minute") " | " share(p[j], 4) " | " share(p[j], 8) " | " share(p[j], 9) " |"
    }
}

# ---- goals: the worst of the seeds ----

function goal(what, bound, reached) { print "| " what " | " bound " | " reached " |" }

# The worst seed's share of honest messages, in 10,000; of all but the doubled December run.
function worst_share(field,    key, s, k, n, d, x, w) {
    for (key in seeds) {
        split(key, s, SUBSEP)
        if (s[1] != p[1]) continue
        k = "settled" SUBSEP p[1] SUBSEP s[2]
        n = of_seed[k, "all", 2] - of_seed[k, DOUBLED, 2]
        x = of_seed[k, "all", field] - of_seed[k, DOUBLED, field]
        if (n > 0 && x / n > w) w = x / n
    }
    return w * 10000
}

function worst_sum(name, field,    key, s, w) {
    for (key in seeds) {
        split(key, s, SUBSEP)
        if (of_seed["settled", p[1], s[2], name, field] > w) w = of_seed["settled", p[1], s[2], name, field]
    }
    return w + 0
}

function print_goals(    own, slowest) {
    DOUBLED = "payroll, doubled in December"
    own = "from the victim's own computer, full speed"
    rule("| goal | bound | reached |")
    goal("own computer, full speed: first hour", "40 / 60 / 200", worst(hour, p[1], own))
    goal("the same: first day", "40 / 60 / 200", worst(day, p[1], own))
    worst(when, p[1], own); slowest = most
    own = "patient: one a day for ten days, then full speed"
    goal("patient: first day", "40 / 60 / 200", worst(day, p[1], own))
    worst(when, p[1], own); goal("both: blocked and told within", "10 min", span(most > slowest ? most : slowest))
    goal("own computer, one a minute: any day", "- / 220 / 270", worst(any, p[1], "from the victim's own computer, one a minute"))
    goal("who tries again after a minute: any day", "- / 220 / 300", worst(any, p[1], "own computer, trying each message again after a minute"))
    goal("who tries again at once: any day", "- / 220 / 300", worst(any, p[1], "own computer, trying each message again at once"))
    own = "own computer, just below the limits for eight weeks"
    goal("just below the limits: first day", "- / - / 370", worst(day, p[1], own))
    goal("the same: any day of eight weeks", "- / - / 700", worst(any, p[1], own))
    goal("a nightly batch's login: first day", "its own measure and the sum", worst(day, p[1], "a nightly batch's own computer"))
    own = "two days after postern was put in place"
    goal("new relay, from elsewhere: an hour", "60", worst(hour, p[1], own))
    goal("the same: any day", "250", worst(any, p[1], own))
    goal("honest mail deferred, in 10,000", "20", sprintf("%.1f", worst_share(4)))
    goal("late by more than 15 minutes, in 10,000", "0.5", sprintf("%.2f", worst_share(8)))
    goal("late by more than a day, in 10,000", "0", sprintf("%.3f", worst_share(9)))
    goal("refused, in 10,000", "0", sprintf("%.3f", worst_share(5)))
    goal("lost (devices that never try again), in 10,000", "0", sprintf("%.3f", worst_share(6)))
    goal("payroll and newsletter deferred after their first run", "0", worst_sum("payroll", 4) + worst_sum("newsletter", 4))
}

END {
    np = split(policies, p, " ")
    if (table == "goals") print_goals()
    else if (table == "attacks") print_attacks()
    else if (table == "curve") print_curve()
    else if (table == "compare") print_compared()
    else print_honest()
}
