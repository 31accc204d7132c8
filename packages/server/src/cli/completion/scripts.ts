/** For bash 3.2 and newer. Offers what begins with the typed word; it neither evaluates nor expands what it reads. */
export const BASH_SCRIPT = `# bash completion for countersign
_countersign() {
  local cur=\${COMP_WORDS[COMP_CWORD]} value about
  COMPREPLY=()
  # "=" is a word of its own in bash.
  [[ $cur == = ]] && cur=
  while IFS=$'\\t' read -r value about; do
    if [[ $value == :files ]]; then
      # Without an answer of ours, bash offers files.
      compopt -o default 2>/dev/null
    elif [[ \${value:0:\${#cur}} == "$cur" ]]; then
      COMPREPLY+=("$value")
    fi
  done < <(printf '%s\\0' "\${COMP_WORDS[@]:1:COMP_CWORD}" | command countersign __complete 2>/dev/null)
}
complete -F _countersign countersign
`;

/** For zsh 5.0 and newer. Also works as a file named _countersign in a folder of fpath. */
export const ZSH_SCRIPT = `#compdef countersign
# zsh completion for countersign
_countersign() {
  local line value files
  local -a described
  # (Q) removes quotes. It evaluates nothing.
  for line in "\${(@f)$(printf '%s\\0' "\${(@Q)words[2,CURRENT]}" | command countersign __complete 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    if [[ $line == :files ]]; then
      files=1
      continue
    fi
    value=\${line%%$'\\t'*}
    if [[ $line == *$'\\t'* ]]; then
      described+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    else
      described+=("\${value//:/\\\\:}")
    fi
  done
  if (( \${#described} )); then
    _describe -t countersign countersign described
  elif [[ -n $files ]]; then
    _files
  else
    return 1
  fi
}
# As a file of fpath, this is the function's first call.
if [[ \${funcstack[1]} == _countersign ]]; then
  _countersign "$@"
else
  compdef _countersign countersign
fi
`;

/** For fish 3.0 and newer. */
export const FISH_SCRIPT = `# fish completion for countersign
function __countersign_complete
    set -l typed (commandline -ct)
    set -l words (commandline -opc)
    set -e words[1]
    for line in (printf '%s\\0' $words "$typed" | command countersign __complete 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$typed"
        else
            printf '%s\\n' $line
        end
    end
end
complete -c countersign -f -a '(__countersign_complete)'
`;
