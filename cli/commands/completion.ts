import { Argument, type Command } from "commander";
import { Failure } from "../failure.ts";
import { print } from "../terminal.ts";

/** Each asks `selvedge __complete`, so that the shells offer the same and none has to be written anew for a new flag. */
const SCRIPTS = {
  bash: `# selvedge completion for bash: source <(selvedge completion bash)
_selvedge() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == ":files" ]]; then
      compopt -o default
      COMPREPLY=()
      return
    fi
    COMPREPLY+=("$line")
  done < <(selvedge __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _selvedge selvedge
`,
  zsh: `#compdef selvedge
# selvedge completion for zsh: source <(selvedge completion zsh)
_selvedge() {
  local -a found
  found=("\${(@f)$(selvedge __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == ":files" ]]; then
    _files
  else
    compadd -- $found
  fi
}
compdef _selvedge selvedge
`,
  fish: `# selvedge completion for fish: selvedge completion fish | source
function __selvedge_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (selvedge __complete -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c selvedge -f -a '(__selvedge_complete)'
`,
} as const;

export function completionCommand(program: Command): void {
  program
    .command("completion")
    .description("a script that lets your shell complete commands, flags, kinds and names")
    .addArgument(new Argument("<shell>").choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => print(SCRIPTS[shell]));
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const { complete } = await import("../complete.ts");
      try {
        print((await complete(program, words)).map((each) => `${each}\n`).join(""));
      } catch (error) {
        // No control plane, no names: a prompt is no place for an error message.
        if (!(error instanceof Failure)) throw error;
      }
    });
}
