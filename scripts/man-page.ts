// isthmus(8) out of the command line's own help, command by command.

/** What roff would take for its own. */
const literal = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')

const verbatim = (text: string): string => `.nf\n${literal(text.trimEnd())}\n.fi\n`

/** Names in the list at the end of a help text; a text that goes on in the next line is indented further. */
const commandsIn = (help: string): string[] =>
  [...(help.split(/^Commands:$/m)[1] ?? '').matchAll(/^ {2}(\S+)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help')

/** `helpOf` gives the help of a command by its words; `date` is that of the version. */
export function manPage(
  helpOf: (words: readonly string[]) => string,
  {version, date}: {readonly version: string; readonly date: string},
): string {
  const own = helpOf([])
  const sections: string[] = []
  const add = (words: readonly string[]): void => {
    const help = helpOf(words)
    sections.push(`.SS "${literal(['isthmus', ...words].join(' '))}"\n${verbatim(help.replace(/^Usage: /, ''))}`)
    for (const name of commandsIn(help)) add([...words, name])
  }
  for (const name of commandsIn(own)) add([name])
  return `.TH ISTHMUS 8 "${date}" "isthmus ${version}" "Isthmus"
.SH NAME
isthmus \\- gateway that joins Kubernetes clusters, datacenters and clouds
.SH SYNOPSIS
.B isthmus
[options] [command]
.SH DESCRIPTION
The daemon of a gateway (\\fBisthmus run\\fR, a unit of systemd) and its command line, which asks the daemon on its socket.
.SH OPTIONS
${verbatim(/^Options:\n([\s\S]*?)\n\n/m.exec(own)?.[1] ?? '')}.SH COMMANDS
${sections.join('')}.SH EXIT STATUS
0: as wanted. 1: it was found or refused: a finding, a difference, a false assertion. 2: used wrongly. 3: who was asked does not answer.
.SH FILES
.I /etc/isthmus/gateway.yaml
.SH SEE ALSO
/usr/share/doc/isthmus/reference/cli.md, configuration.md; /usr/share/doc/isthmus/operate
`
}
