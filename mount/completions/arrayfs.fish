# SPDX-License-Identifier: MIT
# fish completion of arrayfs(1): commands, their options, mounts, and the paths in an archive.

# The command, by its word or its option, and behind it the operands, one a line; the first is
# empty if there is none.
function __arrayfs_parse
    set -l skip 0
    set -l command
    set -l operands
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word -o --rows --atol --rtol --depth --hist
            set skip 1
        else if contains -- $word --list --cat --extract --diff
            set command (string sub -s 3 -- $word)
        else if contains -- $word -u --unmount
            set command unmount
        else if not string match -q -- '-*' $word
            set -a operands $word
        end
    end
    if not set -q command[1]
        switch "$operands[1]"
            case ls
                set command list
            case umount
                set command unmount
            case list info cat rows stats extract diff verify status unmount
                set command $operands[1]
        end
        set -q command[1]; and set -e operands[1]
    end
    string join \n -- "$command" $operands
end

# Is it that command, with so many operands?
function __arrayfs_at
    set -l parsed (__arrayfs_parse)
    contains -- "$parsed[1]" (string split , -- $argv[1]); and test (count $parsed) -gt $argv[2]
end

function __arrayfs_none
    set -l parsed (__arrayfs_parse)
    test -z "$parsed[1]" -a (count $parsed) -le 1
end

# The paths in SOURCE, the first operand behind the command.
function __arrayfs_paths
    set -l parsed (__arrayfs_parse)
    if string match -q '.arrayfs/*' -- (commandline -ct)
        arrayfs list -- $parsed[2] .arrayfs 2>/dev/null
    else
        arrayfs list -- $parsed[2] 2>/dev/null
    end
end

function __arrayfs_columns
    set -l parsed (__arrayfs_parse)
    arrayfs list -- $parsed[2] 2>/dev/null | string replace -r '/.*' '' | string match -v '*.validity' | sort -u
end

function __arrayfs_mounts
    set -l mounts /proc/self/mounts
    set -q ARRAYFS_MOUNTS; and set mounts $ARRAYFS_MOUNTS
    awk '$3 == "fuse.arrayfs" { gsub(/\\\\040/, " ", $2); gsub(/\\\\134/, "\\\\", $2); print $2 }' $mounts
end

complete -c arrayfs -n __arrayfs_none -a list -d 'names, types, shapes, sizes'
complete -c arrayfs -n __arrayfs_none -a info -d 'what it is, at a glance'
complete -c arrayfs -n __arrayfs_none -a cat -d 'the bytes of an array'
complete -c arrayfs -n __arrayfs_none -a rows -d 'rows of a table as text'
complete -c arrayfs -n __arrayfs_none -a stats -d 'min, max, mean, std, NaN'
complete -c arrayfs -n __arrayfs_none -a extract -d 'write plain files'
complete -c arrayfs -n __arrayfs_none -a diff -d 'what differs between two'
complete -c arrayfs -n __arrayfs_none -a verify -d 'check every checksum'
complete -c arrayfs -n __arrayfs_none -a status -d 'mounts, and how they do'
complete -c arrayfs -n __arrayfs_none -a unmount -d 'end a mount'

complete -c arrayfs -n '__arrayfs_at list 0' -s l -l long -d 'with dtype, shape and size'
complete -c arrayfs -n '__arrayfs_at list 0' -l tree -d 'as a tree'
complete -c arrayfs -n '__arrayfs_at list,info,stats,diff,verify,status 0' -l json -d 'for programs'
complete -c arrayfs -n '__arrayfs_at list 0' -s H -l human-readable -d 'sizes like 1.5G'
complete -c arrayfs -n '__arrayfs_at list 0' -l depth -x -d 'at most so many directories deep'
complete -c arrayfs -n '__arrayfs_at list 0' -l color -a 'always never auto' -d 'colours'
complete -c arrayfs -n '__arrayfs_at cat,rows 0' -l rows -x -d 'only these of the first dimension'
complete -c arrayfs -n '__arrayfs_at rows 0' -l csv -d 'comma-separated'
complete -c arrayfs -n '__arrayfs_at rows 0' -l tsv -d 'with tabs'
complete -c arrayfs -n '__arrayfs_at rows 0' -l jsonl -d 'as JSON lines'
complete -c arrayfs -n '__arrayfs_at stats 0' -l hist -x -d 'a histogram, too, of so many bins'
complete -c arrayfs -n '__arrayfs_at stats 0' -l fail-nan -d 'fail if there is a NaN'
complete -c arrayfs -n '__arrayfs_at extract 0' -l force -d 'over files that are there'
complete -c arrayfs -n '__arrayfs_at cat 0' -l force -d 'binary to a terminal, too'
complete -c arrayfs -n '__arrayfs_at extract 0' -l resume -d 'keep those that are done'
complete -c arrayfs -n '__arrayfs_at extract 0' -l npy -d '.npy files'
complete -c arrayfs -n '__arrayfs_at diff 0' -l atol -x -d 'largest difference of numbers that is none'
complete -c arrayfs -n '__arrayfs_at diff 0' -l rtol -x -d 'the same as a share of B'

complete -c arrayfs -n __arrayfs_none -l list -d 'print paths'
complete -c arrayfs -n __arrayfs_none -l cat -d 'write bytes'
complete -c arrayfs -n __arrayfs_none -l extract -d 'write files'
complete -c arrayfs -n __arrayfs_none -l diff -d 'compare two'
complete -c arrayfs -n __arrayfs_none -s u -d 'unmount'
complete -c arrayfs -n __arrayfs_none -s f -d 'stay in the foreground'
complete -c arrayfs -n __arrayfs_none -s d -d 'log every request'
complete -c arrayfs -n __arrayfs_none -s s -d 'one thread'
complete -c arrayfs -n __arrayfs_none -s V -l version -d 'version'
complete -c arrayfs -l help -d 'help'
complete -c arrayfs -s o -x -a 'dataset dataset=files split= follow cache= threads= verify=no sandbox=no log= log=syslog log=stderr records records= schema= message= framing= bad-records=skip delimiter= header=no quote=no null= nonempty allow_other fsname='

complete -c arrayfs -n '__arrayfs_at list,info,cat,stats 1' -f -a '(__arrayfs_paths)'
complete -c arrayfs -n '__arrayfs_at extract 2' -f -a '(__arrayfs_paths)'
complete -c arrayfs -n '__arrayfs_at rows 1' -f -a '(__arrayfs_columns)'
complete -c arrayfs -n '__arrayfs_at unmount,status 0' -f -a '(__arrayfs_mounts)'
