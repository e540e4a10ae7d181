/** How a server of ours runs: durable, small, and silent about values. */

export interface SettingsInput {
  socketFolder: string
  port: number
  tcp: boolean
  /** On top of, or instead of, what is here. */
  more?: Record<string, string>
}

export function serverArguments(data: string, settings: SettingsInput): string[] {
  const all = { ...serverSettings(settings), ...settings.more }
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

function serverSettings({ socketFolder, port, tcp }: SettingsInput): Record<string, string> {
  return {
    port: String(port),
    listen_addresses: tcp ? '127.0.0.1' : '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '50',
    shared_buffers: '16MB',
    maintenance_work_mem: '16MB',
    // Without this PostgreSQL 18 keeps three more processes for reading ahead.
    io_method: 'sync',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    autovacuum_worker_slots: '2',
    autovacuum_max_workers: '2',
    jit: 'off',
    huge_pages: 'off',
    // Systemd removes a person's POSIX shared memory when they log out; files stay.
    dynamic_shared_memory_type: 'mmap',
    // Nobody replicates from it.
    wal_level: 'minimal',
    max_wal_senders: '0',
    min_wal_size: '32MB',
    max_wal_size: '256MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    // A failed statement may hold a password, and the detail of an error the values of a row.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_line_prefix: '%m [%p] ',
  }
}
