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
	if [[ $prev == -o ]]; then
		local list= last=${cur##*,}
		[[ $cur == *,* ]] && list=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$list" -W 'dataset dataset=files split= follow cache= threads= verify=no sandbox=no log= nonempty
			allow_other allow_root auto_unmount fsname= ro' -- "$last")
		compopt -o nospace
	elif [[ -z $after && $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--list --long --tree --json --human-readable --cat --rows --extract --force
			--resume --npy --diff --atol --rtol -u -f -d -s -o -H -h --help -V --version' -- "$cur")
	elif [[ $command == --extract && ${#operands[@]} -ge 2 || $command == --@(list|cat) && ${#operands[@]} -ge 1 ]]; then
		# what is typed may be quoted; what is offered has to be
		local typed=${cur//\\/}
		typed=${typed#[\'\"]}
		while IFS= read -r line; do
			COMPREPLY+=("$(printf %q "$line")")
			[[ $line == */ ]] && compopt -o nospace
		done < <(_arrayfs_paths "${operands[0]}" "$typed")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		# the first operand may be a command
		[[ -z $command && ${#operands[@]} -eq 0 && -n $cur && verify == "$cur"* ]] && COMPREPLY+=(verify)
	fi
}
complete -F _arrayfs arrayfs
