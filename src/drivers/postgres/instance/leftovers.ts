/**
 * A script outlives the process that began it: killed in the middle of a copy, or without its lease, that process
 * leaves it running, here as over ssh. Whoever works on the data directory next ends it first: two copies that write to
 * one place, or a rename under a server that was just started, would do harm.
 */

/** Stands at the head of a script that works for long, so that it is known for one. */
export const longWork = ": blackstart-long-work";

/**
 * `end_leftovers` ends, with all that it started, every other script of long work of which an argument is $data or lies
 * beside it. Without /proc there is nothing to look through.
 */
export const leftoversFunctions = `
process_group() { # of process $1, to $group
  group=
  { IFS= read -r group <"/proc/$1/stat"; } 2>/dev/null || return 1
  group=\${group##*") "}; group=\${group#* * }; group=\${group%% *}
}
# A zombie runs nothing; its parent may never take notice of it.
group_runs() {
  ps -A -o pgid= -o stat= 2>/dev/null | while read -r of state; do
    [ "$of" = "$group" ] && case $state in Z*) ;; *) echo runs ;; esac
  done | grep -q runs
}
end_leftovers() {
  process_group $$ || return 0
  mine=$group mark=': blackstart-long''-work'
  for folder in /proc/[0-9]*; do
    { IFS= read -r name <"$folder/comm"; } 2>/dev/null || continue
    case $name in sh|dash|bash|ash|busybox) ;; *) continue ;; esac
    process_group "\${folder#/proc/}" && [ "$group" != "$mine" ] || continue
    words=$(tr '\\0' '\\n' <"$folder/cmdline" 2>/dev/null && echo .)
    case $words in *"
$mark
"*) ;; *) continue ;; esac
    case $words in *"
$data
"*|*"
$data."*) ;; *) continue ;; esac
    kill -9 "-$group" 2>/dev/null
    round=0
    while group_runs && [ "$round" -lt 100 ]; do
      round=$((round + 1))
      sleep 0.02 2>/dev/null || sleep 1
    done
  done
}
`;
