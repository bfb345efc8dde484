# SPDX-License-Identifier: MIT
# fish completion of arrayfs(1).

function __arrayfs_operands_given
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word -o --rows
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

# The paths in SOURCE, the first operand behind the command.
function __arrayfs_paths
    set -l operands (__arrayfs_operands_given)
    set -q operands[1]; and arrayfs --list -- $operands[1] 2>/dev/null
end

function __arrayfs_columns
    set -l operands (__arrayfs_operands_given)
    arrayfs --list -- $operands[2] 2>/dev/null | string replace -r '/.*' '' | string match -v '*.validity' | sort -u
end

function __arrayfs_operands
    test (count (__arrayfs_operands_given)) -ge $argv[1]
end

complete -c arrayfs -l list -d 'print the paths in SOURCE'
complete -c arrayfs -l long -d 'with dtype, shape and size'
complete -c arrayfs -l tree -d 'as a tree'
complete -c arrayfs -s H -l human-readable -d 'sizes like 1.5G'
complete -c arrayfs -l json -d 'with all that is known'
complete -c arrayfs -l cat -d 'write the bytes of PATHs'
complete -c arrayfs -l rows -x -d 'only these of the first dimension'
complete -c arrayfs -l extract -d 'write plain files below DEST'
complete -c arrayfs -l force -d 'over files that are there'
complete -c arrayfs -l resume -d 'but not those that are done'
complete -c arrayfs -l npy -d '.npy files'
complete -c arrayfs -l diff -d 'compare two SOURCEs'
complete -c arrayfs -l atol -x -d 'largest difference of numbers that is none'
complete -c arrayfs -l rtol -x -d 'the same as a share of B'
complete -c arrayfs -n 'not __arrayfs_operands 1; and not __fish_contains_opt list cat extract diff' -a verify -d 'check every checksum'
complete -c arrayfs -n 'not __arrayfs_operands 1; and not __fish_contains_opt list cat extract diff' -a rows -d 'a table as text'
complete -c arrayfs -l csv -d 'rows as CSV'
complete -c arrayfs -l tsv -d 'rows with tabulators'
complete -c arrayfs -l jsonl -d 'rows as JSON lines'
complete -c arrayfs -s u -d 'unmount'
complete -c arrayfs -s f -d 'stay in the foreground'
complete -c arrayfs -s d -d 'log every request'
complete -c arrayfs -s s -d 'one thread'
complete -c arrayfs -s o -x -a 'dataset dataset=files split= follow cache= threads= verify=no sandbox=no log= log=syslog log=stderr records records= schema= message= framing= bad-records=skip delimiter= header=no quote=no null= nonempty allow_other fsname='
complete -c arrayfs -s h -l help -d 'help'
complete -c arrayfs -s V -l version -d 'version'
complete -c arrayfs -n '__fish_contains_opt list cat; and __arrayfs_operands 1' -f -a '(__arrayfs_paths)'
complete -c arrayfs -n '__fish_contains_opt extract; and __arrayfs_operands 2' -f -a '(__arrayfs_paths)'
complete -c arrayfs -n 'test "$(__arrayfs_operands_given)[1]" = rows; and __arrayfs_operands 2' -f -a '(__arrayfs_columns)'
