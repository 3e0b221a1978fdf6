/**
 * YAML that people write, read so that every remark on it can name a line.
 *
 *     text ─► YamlDocument { value, faults }        path in the value ──at──► line, column
 *
 * `gateway.yaml` and the documents of `isthmus apply` are judged by different stations, but both must say where a
 * mistake stands, also where the mistake is that something is missing. So the positions of the parser are kept beside
 * the plain value and asked by path. Whatever the text is, nothing throws: an alias that expands without end, a tag
 * that nobody knows or a key twice in one mapping is a fault with its place. JSON is YAML and needs no reader of its own.
 */
export {type Path, type Position, printPath} from './path.ts'
export {readYaml, readYamlStream, type YamlDocument, type YamlFault} from './read.ts'
