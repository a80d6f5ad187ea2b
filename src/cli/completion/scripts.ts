/**
 * What a shell reads once: it asks `testyard complete` with the words so far. The first line of the answer
 * says what comes: values (one a line, behind a tab what they mean), or that the shell shall offer files.
 */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const BASH = `# bash: eval "$(testyard completion bash)"
_testyard() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line kind=""
  [[ $current == "=" ]] && current=""
  COMPREPLY=()
  # Read line by line: a task may be named like a pattern or a command, and is to be neither.
  while IFS= read -r line; do
    if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $kind in files | dirs) compopt -o filenames 2>/dev/null ;; *) return 0 ;; esac
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "-\${kind:0:1}" -- "$current")
}
complete -F _testyard testyard
`;

const ZSH = `#compdef testyard
# zsh: eval "$(testyard completion zsh)" after compinit, or as _testyard in a folder of $fpath
_testyard() {
  local -a lines described
  local line
  lines=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case "\${lines[1]}" in
    files) _files ;;
    dirs) _files -/ ;;
    values)
      for line in "\${(@)lines[2,-1]}"; do
        described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
      done
      _describe -V testyard described
      ;;
  esac
}
if [ "$funcstack[1]" = "_testyard" ]; then _testyard "$@"; else compdef _testyard testyard; fi
`;

const FISH = `# fish: testyard completion fish > ~/.config/fish/completions/testyard.fish
function __testyard_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (command $words[1] complete -- $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case dirs
            __fish_complete_directories (commandline -ct)
        case values
            printf '%s\\n' $lines[2..-1]
    end
end
complete -c testyard -f -a '(__testyard_complete)'
`;

export function completionScript(shell: Shell): string {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}
