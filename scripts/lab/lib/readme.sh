# shellcheck shell=bash
# README's steps for a real NIC, as it has them: its section "On a real NIC" is the only place where they are written.

# readme_block NAME: the block whose fence says so, as in "```sh NAME", without the indentation of its list.
readme_block() {
    awk -v name="$1" '
        /^## / { here = $0 == "## On a real NIC" }
        inside && /^ *```$/ { exit }
        inside { print substr($0, indent + 1) }
        here && !inside && $0 ~ "^ *```[a-z]+ " name "$" { indent = index($0, "`") - 1; inside = 1 }' "$ROOT/README.md" |
        grep . || die "README has no block $1"
}

# readme_lines NAME: its commands, one a line, without what it says about them.
readme_lines() { readme_block "$1" | sed 's/  *#.*//'; }
