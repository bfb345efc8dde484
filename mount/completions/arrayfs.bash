# SPDX-License-Identifier: MIT
# bash completion of arrayfs(1): commands, options, mount options, mounts, and the paths in an archive.

# Paths in SOURCE that begin with a prefix, each to the end of its next component.
_arrayfs_paths() {
	local below=()
	[[ $2 == .arrayfs/* ]] && below=(.arrayfs)
	arrayfs list -- "$1" "${below[@]}" 2>/dev/null | head -n 100000 | PREFIX=$2 awk '
		BEGIN { p = ENVIRON["PREFIX"]; n = length(p) }
		substr($0, 1, n) == p {
			slash = index(substr($0, n + 1), "/")
			path = slash ? substr($0, 1, n + slash) : $0
			if (!seen[path]++) print path
		}'
}

# Columns of the table SOURCE that begin with a prefix.
_arrayfs_columns() {
	arrayfs list -- "$1" 2>/dev/null | head -n 100000 | PREFIX=$2 awk -F / '
		BEGIN { p = ENVIRON["PREFIX"] }
		substr($1, 1, length(p)) == p && $1 !~ /\.validity$/ && !seen[$1]++ { print $1 }'
}

# Mountpoints of arrayfs that begin with a prefix.
_arrayfs_mounts() {
	PREFIX=$1 awk '
		BEGIN { p = ENVIRON["PREFIX"] }
		$3 == "fuse.arrayfs" {
			gsub(/\\040/, " ", $2); gsub(/\\011/, "\t", $2); gsub(/\\134/, "\\", $2)
			if (substr($2, 1, length(p)) == p) print $2
		}' "${ARRAYFS_MOUNTS:-/proc/self/mounts}"
}

_arrayfs_offer() { # lines, quoted as the shell needs it
	local line
	while IFS= read -r line; do
		COMPREPLY+=("$(printf %q "$line")")
		[[ $line == */ ]] && compopt -o nospace
	done
}

# The options of each command.
declare -gA _arrayfs_options=(
	[list]='-l --long --tree --json -h -H --human-readable --depth --color'
	[info]='--json'
	[cat]='--rows --force'
	[rows]='--csv --tsv --jsonl --rows'
	[stats]='--hist --json --fail-nan'
	[extract]='--force --resume --npy'
	[diff]='--atol --rtol --json'
	[verify]='--json'
	[status]='--json'
	[unmount]=''
)

_arrayfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word command= operands=()
	local i after= typed
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $after$word in
		--) after=/ ;;
		-o | --rows | --atol | --rtol | --depth | --hist) ((i++)) ;;
		--list | --cat | --extract | --diff) command=${word#--} ;;
		-u | --unmount) command=unmount ;;
		-*) ;;
		*) operands+=("${word/#\~\//$HOME/}") ;;
		esac
	done
	if [[ -z $command ]]; then
		case ${operands[0]-} in
		ls) command=list ;;
		umount) command=unmount ;;
		*) [[ -n ${operands[0]-} && -n ${_arrayfs_options[${operands[0]}]+x} ]] && command=${operands[0]} ;;
		esac
		[[ -n $command ]] && operands=("${operands[@]:1}")
	fi
	# what is typed may be quoted; what is offered has to be
	typed=${cur//\\/}
	typed=${typed#[\'\"]}
	if [[ $prev == -o ]]; then
		local list= last=${cur##*,}
		[[ $cur == *,* ]] && list=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$list" -W 'dataset dataset=files split= follow cache= threads= verify=no sandbox=no log= nonempty
			records records= schema= message= framing= bad-records=skip delimiter= header=no quote=no null=
			allow_other allow_root auto_unmount fsname= ro' -- "$last")
		compopt -o nospace
	elif [[ -z $after && $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${command:+${_arrayfs_options[$command]}} -o --help" -- "$cur")
		[[ -n $command ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W '-f -d -s -h -V --version
			--list --cat --extract --diff -u' -- "$cur")
	elif [[ $command == extract && ${#operands[@]} -ge 2 || $command == @(list|info|cat|stats) && ${#operands[@]} -ge 1 ]]; then
		_arrayfs_offer < <(_arrayfs_paths "${operands[0]}" "$typed")
	elif [[ $command == rows && ${#operands[@]} -ge 1 ]]; then
		mapfile -t COMPREPLY < <(_arrayfs_columns "${operands[0]}" "$cur")
	elif [[ $command == @(unmount|status) ]]; then
		_arrayfs_offer < <(_arrayfs_mounts "$typed")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		# the first operand may be a command
		if [[ -z $command && ${#operands[@]} -eq 0 ]]; then
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "${!_arrayfs_options[*]}" -- "$cur" | sort)
		fi
	fi
}
complete -F _arrayfs arrayfs
