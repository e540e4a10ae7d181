/** One more name for an app. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { queries } from '../live/queries.ts'
import { askAdd } from './actions.ts'

export function DomainForm({ app, environment }: { app: string; environment: string }) {
  const [host, setHost] = useState('')
  const [certificate, setCertificate] = useState('')
  const { data: environments = [] } = useQuery(queries.environments())
  // On this machine there are none.
  const hasCertificates = environments.some(({ name, engine }) => name === environment && engine !== 'local')
  return (
    <form
      className="note invite"
      onSubmit={(event) => {
        event.preventDefault()
        const asked = { app, environment, host: host.trim(), certificate: certificate.trim() }
        askAdd(asked, () => {
          setHost('')
          setCertificate('')
        })
      }}
    >
      <label className="field grow">
        Name
        <input
          className="input"
          required
          maxLength={255}
          placeholder="shop.example.com"
          autoComplete="off"
          spellCheck={false}
          value={host}
          onChange={(event) => setHost(event.target.value)}
        />
      </label>
      {hasCertificates && (
        <label className="field grow">
          Certificate, if it has one
          <input
            className="input"
            maxLength={253}
            placeholder="shop-tls"
            autoComplete="off"
            spellCheck={false}
            value={certificate}
            onChange={(event) => setCertificate(event.target.value)}
          />
        </label>
      )}
      <button type="submit" className="button">
        Add…
      </button>
    </form>
  )
}
