import {useEffect, useState} from 'preact/hooks'
import type {PageProps} from '../app.tsx'
import {askText} from '../ask.ts'
import {type Block, parseMarkdown, type Span} from '../markdown.ts'
import {PageHead, Panel, Problem, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {useRunbooks} from '../runbook-list.ts'

/** What an alert means, how to check and how to repair: the text that this gateway was built with. */
export function Runbooks({route: {name}}: PageProps) {
  const list = useRunbooks()
  if (name !== null) return <Runbook key={name} name={name} />
  return (
    <>
      <PageHead title="Runbooks" />
      <Panel title="One for each alert">
        {list === null ? (
          <Waiting />
        ) : (
          <ul class="columns">
            {list.names.map((one) => (
              <li key={one}>
                <a href={hrefOf('runbooks', one)}>{one}</a>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  )
}

function Runbook({name}: {readonly name: string}) {
  const [text, setText] = useState<string | null | undefined>(undefined)
  useEffect(() => {
    void askText(`runbooks/${encodeURIComponent(name)}.md`).then(setText)
  }, [name])
  if (text === undefined) return <Waiting />
  if (text === null) return <Problem message={`There is no runbook ${name}.`} />
  return (
    <>
      <PageHead title={name}>
        <a href={hrefOf('runbooks')}>All runbooks</a>
      </PageHead>
      <article class="panel prose">
        {parseMarkdown(text)
          .filter((block) => block.kind !== 'heading' || block.level > 1)
          .map((block, index) => (
            <BlockView key={index} block={block} />
          ))}
      </article>
    </>
  )
}

function BlockView({block}: {readonly block: Block}) {
  switch (block.kind) {
    case 'heading':
      return block.level === 2 ? <h2>{spansOf(block.spans)}</h2> : <h3>{spansOf(block.spans)}</h3>
    case 'paragraph':
      return <p>{spansOf(block.spans)}</p>
    case 'code':
      return <pre class="command">{block.text}</pre>
    case 'list': {
      const items = block.items.map((item) => <li key={JSON.stringify(item)}>{spansOf(item)}</li>)
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
    }
    case 'table':
      return (
        <table>
          <tbody>
            {block.rows.map((row) => (
              <tr key={JSON.stringify(row)}>
                {row.map((cell) => (
                  <td key={JSON.stringify(cell)}>{spansOf(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )
  }
}

function spansOf(spans: readonly Span[]) {
  return spans.map((span, index) => {
    if (span.kind === 'link') {
      return (
        <a key={index} href={hrefOf('runbooks', span.page)}>
          {span.text}
        </a>
      )
    }
    if (span.kind === 'code') return <code key={index}>{span.text}</code>
    return span.kind === 'strong' ? <strong key={index}>{span.text}</strong> : span.text
  })
}
