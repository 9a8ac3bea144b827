/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command `completion`: a short script for each shell, which calls `sluicectl completion line -- WORD...` to learn what can follow.
 * complete.c finds the answer.
 */
#include <string.h>

#include "cli.h"
#include "complete.h"

/* Bash breaks words at colons, and replaces what follows the last one by the answer. */
static const char bash[] =
	"# bash completion for sluicectl: made by `sluicectl completion bash`\n"
	"_sluicectl() {\n"
	"	local words line before word\n"
	"	read -ra words <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
	"	[[ ${COMP_LINE:0:COMP_POINT} != *[[:blank:]] ]] || words+=('')\n"
	"	word=${words[-1]}\n"
	"	before=${word%\"${word##*:}\"}\n"
	"	COMPREPLY=()\n"
	"	while IFS=$'\\t' read -r line _; do\n"
	"		if [ \"$line\" = :file ]; then\n"
	"			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
	"			compopt -o filenames 2>/dev/null\n"
	"		else\n"
	"			COMPREPLY+=(\"${line#\"$before\"}\")\n"
	"		fi\n"
	"	done < <(\"${words[0]}\" completion line -- \"${words[@]:1}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _sluicectl sluicectl\n";

static const char zsh[] =
	"#compdef sluicectl\n"
	"# zsh completion for sluicectl: made by `sluicectl completion zsh`\n"
	"_sluicectl() {\n"
	"	local line files\n"
	"	local -a names shown\n"
	"	for line in \"${(@f)$(\"${words[1]}\" completion line -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
	"		case $line in\n"
	"		:file) files=1 ;;\n"
	"		?*) names+=(\"${line%%$'\\t'*}\") shown+=(\"${line/$'\\t'/  -- }\") ;;\n"
	"		esac\n"
	"	done\n"
	"	(( ! $#names )) || compadd -d shown -a names\n"
	"	[[ -z $files ]] || _files\n"
	"}\n"
	"if [[ ${funcstack[1]} = _sluicectl ]]; then _sluicectl \"$@\"; else compdef _sluicectl sluicectl; fi\n";

static const char fish[] = "# fish completion for sluicectl: made by `sluicectl completion fish`\n"
			   "function __sluicectl\n"
			   "	set -l words (commandline -opc)\n"
			   "	set -l word (commandline -ct)\n"
			   "	for line in ($words[1] completion line -- $words[2..-1] \"$word\" 2>/dev/null)\n"
			   "		if test \"$line\" = :file\n"
			   "			__fish_complete_path \"$word\"\n"
			   "		else\n"
			   "			echo -- $line\n"
			   "		end\n"
			   "	end\n"
			   "end\n"
			   "complete -c sluicectl -f -a '(__sluicectl)'\n";

int cmd_completion(const struct call *c)
{
	const char *what = c->words ? c->word[0] : "bash";

	if (!strcmp(what, "line"))
		return complete_line(c);
	if (c->words > 1)
		return complain(EXIT_BAD, "completion: only line takes words: sluicectl completion line -- WORD...");
	fputs(!strcmp(what, "zsh") ? zsh : !strcmp(what, "fish") ? fish : bash, stdout);
	return EXIT_DONE;
}
