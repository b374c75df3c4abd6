// What shells read to complete rst: each asks `rst complete -- WORDS` what may stand for the last word.

const bash = `# bash completion for rst
_rst() {
  local line rest=files tab=$'\\t' typed=\${COMP_WORDS[COMP_CWORD]}
  local -a words
  # Not COMP_WORDS, which bash also breaks at = and :, depending on settings.
  read -ra words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
  [[ $typed == [=:] ]] && typed=
  local word=\${words[\${#words[@]}-1]}
  local before=\${word%"$typed"}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) rest=\${line#:} ;;
      *) line=\${line%%"$tab"*} && COMPREPLY+=("\${line#"$before"}") ;;
    esac
  done < <("$1" complete -- "\${words[@]:1}" 2>/dev/null)
  # Older versions have no compopt and offer files then.
  case $rest in
    folders) compopt -o dirnames +o default +o bashdefault 2>/dev/null ;;
    none) compopt +o default +o bashdefault 2>/dev/null ;;
  esac
  return 0
}
complete -o bashdefault -o default -F _rst rst
`

const zsh = `#compdef rst
# zsh completion for rst
_rst() {
  local line rest=files
  local -a values
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :*) rest=\${line#:} ;;
      *$'\\t'*) values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      ?*) values+=("\${line//:/\\\\:}") ;;
    esac
  done
  if (( $#values )); then
    _describe 'rst' values
    return
  fi
  [[ $PREFIX == -*=* ]] && compset -P '*='
  case $rest in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ $funcstack[1] == _rst ]]; then
  _rst "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _rst rst
fi
`

const fish = `# fish completion for rst
function __rst_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l rest files
    for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':*'
                set rest (string sub -s 2 -- $line)
            case '*'
                printf '%s\\n' $line
        end
    end
    set -l flag (string match -r -- '^-[^=]*=' $current)
    set -l path (string replace -r -- '^-[^=]*=' '' $current)
    switch $rest
        case files
            __fish_complete_path "$path" | string replace -r -- '^' "$flag"
        case folders
            __fish_complete_directories "$path" '' | string replace -r -- '^' "$flag"
    end
end
complete -c rst -e
complete -c rst -f -a '(__rst_complete)'
`

/** The scripts by the names of their shells. */
export const scripts: Readonly<Record<string, string>> = { bash, zsh, fish }
