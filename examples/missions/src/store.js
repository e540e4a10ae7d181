// Missions in PostgreSQL.
import pg from 'pg'

export function openStore(url) {
  const pool = new pg.Pool({ connectionString: url, max: 5 })
  // A lost connection is replaced by the pool; the query that had it fails on its own.
  pool.on('error', (error) => console.error(`database connection lost: ${error.message}`))
  const rows = async (sql, values) => (await pool.query(sql, values)).rows

  return {
    list: ({ site = null, limit = 200 } = {}) =>
      rows('select * from missions where $1::text is null or site = $1 order by id desc limit $2', [
        site,
        limit,
      ]),
    get: async (id) => (await rows('select * from missions where id = $1', [id]))[0] ?? null,
    plan: async ({ site, inspector }) =>
      (
        await rows('insert into missions (site, inspector) values ($1, $2) returning *', [
          site.trim(),
          inspector.trim(),
        ])
      )[0],
    /** Null when there is no such mission, or it was submitted before. */
    submit: async (id, findings) =>
      (
        await rows(
          `update missions set state = 'submitted', findings = $2, submitted_at = now()
           where id = $1 and state in ('planned', 'overdue') returning *`,
          [id, JSON.stringify(findings)],
        )
      )[0] ?? null,
    /** Hands one submitted mission to `grade`; several workers never get the same one. Null when there is none. */
    gradeNext: async (grade) => {
      const client = await pool.connect()
      try {
        await client.query('begin')
        const found = await client.query(
          `select * from missions where state = 'submitted' order by submitted_at limit 1 for update skip locked`,
        )
        const mission = found.rows[0]
        if (!mission) return null
        const { score, colour } = grade(mission.findings)
        await client.query(`update missions set state = 'graded', score = $2, colour = $3 where id = $1`, [
          mission.id,
          score,
          colour,
        ])
        return { ...mission, state: 'graded', score, colour }
      } finally {
        await client.query('commit').catch(() => {})
        client.release()
      }
    },
    markOverdue: async (days) =>
      (
        await pool.query(
          `update missions set state = 'overdue'
           where state = 'planned' and planned_at < now() - make_interval(days => $1)`,
          [days],
        )
      ).rowCount,
    ready: () => pool.query('select 1 from missions limit 1'),
    migrate: () =>
      pool.query(`
        create table if not exists missions (
          id bigint generated always as identity primary key,
          site text not null,
          inspector text not null,
          state text not null default 'planned' check (state in ('planned', 'submitted', 'graded', 'overdue')),
          findings jsonb not null default '[]',
          score integer,
          colour text,
          planned_at timestamptz not null default now(),
          submitted_at timestamptz
        );
        create index if not exists missions_submitted on missions (submitted_at) where state = 'submitted';
      `),
    close: () => pool.end(),
  }
}
