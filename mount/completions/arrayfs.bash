# SPDX-License-Identifier: MIT
# bash completion of arrayfs(1): options, mount options, and the paths in an archive.

# Paths in SOURCE that begin with a prefix, each to the end of its next component.
_arrayfs_paths() {
	arrayfs --list -- "$1" 2>/dev/null | head -n 100000 | PREFIX=$2 awk '
		BEGIN { p = ENVIRON["PREFIX"]; n = length(p) }
		substr($0, 1, n) == p {
			slash = index(substr($0, n + 1), "/")
			path = slash ? substr($0, 1, n + slash) : $0
			if (!seen[path]++) print path
		}'
}

# Columns of the table SOURCE that begin with a prefix.
_arrayfs_columns() {
	arrayfs --list -- "$1" 2>/dev/null | head -n 100000 | PREFIX=$2 awk -F / '
		BEGIN { p = ENVIRON["PREFIX"] }
		substr($1, 1, length(p)) == p && $1 !~ /\.validity$/ && !seen[$1]++ { print $1 }'
}

_arrayfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word line command= operands=()
	local i after=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $after$word in
		--) after=/ ;;
		-o | --rows | --atol | --rtol) ((i++)) ;;
		--list | --cat | --extract | -u) command=$word ;;
		-*) ;;
		*) operands+=("${word/#\~\//$HOME/}") ;;
		esac
	done
	if [[ -z $command && ${operands[0]-} == rows ]]; then
		command=rows operands=("${operands[@]:1}")
	fi
	if [[ $prev == -o ]]; then
		local list= last=${cur##*,}
		[[ $cur == *,* ]] && list=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$list" -W 'dataset dataset=files split= follow cache= threads= verify=no sandbox=no log= nonempty
			records records= schema= message= framing= bad-records=skip delimiter= header=no quote=no null=
			allow_other allow_root auto_unmount fsname= ro' -- "$last")
		compopt -o nospace
	elif [[ -z $after && $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--list --long --tree --json --human-readable --cat --rows --extract --force
			--resume --npy --diff --atol --rtol --csv --tsv --jsonl -u -f -d -s -o -H -h --help -V --version' -- "$cur")
	elif [[ $command == --extract && ${#operands[@]} -ge 2 || $command == --@(list|cat) && ${#operands[@]} -ge 1 ]]; then
		# what is typed may be quoted; what is offered has to be
		local typed=${cur//\\/}
		typed=${typed#[\'\"]}
		while IFS= read -r line; do
			COMPREPLY+=("$(printf %q "$line")")
			[[ $line == */ ]] && compopt -o nospace
		done < <(_arrayfs_paths "${operands[0]}" "$typed")
	elif [[ $command == rows && ${#operands[@]} -ge 1 ]]; then
		mapfile -t COMPREPLY < <(_arrayfs_columns "${operands[0]}" "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		# the first operand may be a command
		if [[ -z $command && ${#operands[@]} -eq 0 && -n $cur ]]; then
			for word in verify rows; do
				[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
			done
		fi
	fi
}
complete -F _arrayfs arrayfs
