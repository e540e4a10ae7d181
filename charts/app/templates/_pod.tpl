{{/*
A command runs under a shell that hands SIGTERM on to everything in the container: an app which is process 1 itself
would not be ended by a signal that it does not handle. The shell also completes the name of the process by the pod's.
It ends once all of them have: else what still answers when the signal has ended its leader would be killed with the container.
*/}}
{{- define "app.supervise" -}}
export TOW_PROCESS="$1.${TOW_POD#"${TOW_POD%?????}"}"; unset TOW_POD
{{ include "app.shellTools" . }}
ending=; trap 'trap "" TERM; ending=1; kill -TERM 0' TERM
read -r _ _ _ _ group _ </proc/self/stat
sh -c "$(led "$2")" & child=$!
while :; do wait "$child"; code=$?; kill -0 "$child" 2>/dev/null || break; done
while [ "$ending" ] && lives "$group"; do sleep 0.05; done
exit "$code"
{{- end }}

{{/*
Not every shell gives its place to the only command that it has (Debian's does not), and such a shell is ended by a signal
before the command is.
*/}}
{{- define "app.shellTools" -}}
led() { # command: the same, in place of the shell where it is one program with plain words
  case $1 in *[!A-Za-z0-9_./:@%,+=\ -]*) ;; *) case $(command -v "${1%% *}") in */*) printf 'exec ' ;; esac ;; esac
  printf '%s\n' "$1"
}
lives() { # group: whether any of it but this shell still runs
  for of in /proc/[0-9]*/stat; do
    # Its name comes first, and may be anything.
    [ "$of" != "/proc/$$/stat" ] && read -r stat <"$of" && set -- "$1" ${stat##*) } || continue
    if [ "$4" = "$1" ] && [ "$2" != Z ]; then return 0; fi
  done 2>/dev/null
  return 1
}
{{- end }}

{{/* Where a client writes, nothing begins before its first line says that it is there: no output may be missed. */}}
{{- define "app.attend" -}}
export TOW_PROCESS="$1.${TOW_POD#"${TOW_POD%?????}"}"; unset TOW_POD
read -r _ || exit 1
exec sh -c "$2"
{{- end }}

{{- define "app.attendTerminal" -}}
export TOW_PROCESS="$1.${TOW_POD#"${TOW_POD%?????}"}" TERM=xterm-256color; unset TOW_POD
stty -echo 2>/dev/null; read -r _ || exit 1; stty echo columns "$3" rows "$4" 2>/dev/null
exec sh -c "$2"
{{- end }}

{{/*
Until somebody listens on the port, for a second at most: the kubelet looks at readiness the moment this is over, and else a
few milliseconds too early, and then not before its own next second. What listens is written in the network's own table.
*/}}
{{- define "app.awaitListener" -}}
turn=0
while [ "$turn" -lt 40 ]; do
  for table in /proc/net/tcp /proc/net/tcp6; do
    while read -r _ here _ state _; do
      case "$here $state" in *":$1 0A") exit 0 ;; esac
    done <"$table"
  done 2>/dev/null
  turn=$((turn + 1)); sleep 0.02 || exit 0
done
{{- end }}

{{/* The labels and annotations of a pod: (dict "root" $ "set" id "process" name "spec" ... "kind" ...) */}}
{{- define "app.podMetadata" -}}
labels:
  {{- include "app.labels" . | nindent 2 }}
  {{- range (index .root.Values.sets .set).needs }}
  needs.towpath.dev/{{ . }}: "true"
  {{- end }}
{{- $annotations := merge (dict) .root.Values.annotations }}
{{- with .spec.restart }}{{ $annotations = merge (dict "towpath.dev/restart" (toString .)) $annotations }}{{ end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where `web` of a set listens. */}}
{{- define "app.port" -}}
{{ (index .root.Values.sets .set).port | default .root.Values.port }}
{{- end }}

{{/* What all pods have in common: (dict "root" $ "set" id "process" name "spec" ... "restartPolicy" ... "takesTraffic" bool) */}}
{{- define "app.podSpec" -}}
{{- $values := .root.Values }}
{{- $set := index $values.sets .set }}
{{- $live := "" }}{{ if and (eq .kind "process") $set.live }}{{ $live = $set.live.agent }}{{ end }}
{{- $drain := int $values.drainSeconds }}{{ if or $live (not .takesTraffic) }}{{ $drain = 0 }}{{ end }}
{{- /* Whoever has a volume waits up to 300 ms for it at the start; of images made elsewhere nobody knows whether they have a /tmp. */}}
{{- $scratch := $values.scratch }}{{ if and (not $scratch) (or $values.readOnlyRoot $set.user $live) }}{{ $scratch = "1Gi" }}{{ end }}
{{- $volumes := or $scratch $live }}
{{- $grace := 30 }}{{ if hasKey .spec "graceSeconds" }}{{ $grace = int .spec.graceSeconds }}{{ end -}}
serviceAccountName: {{ include "app.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: {{ .restartPolicy }}
{{- with .spec.timeoutSeconds }}
activeDeadlineSeconds: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ add $grace $drain }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int64 ($set.user | default $values.user) }}
  {{- if hasKey $set "group" }}
  runAsGroup: {{ int64 $set.group }}
  {{- else if not $set.user }}
  runAsGroup: {{ $values.group }}
  {{- end }}
  fsGroup: {{ $values.group }}
  seccompProfile:
    type: RuntimeDefault
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $live }}
initContainers:
  {{- include "app.liveContainers" . | nindent 2 }}
{{- end }}
containers:
  - name: app
    image: {{ required (printf "the set %s has no image" .set) $set.image }}
    imagePullPolicy: IfNotPresent
    {{- if and $live (not .spec.command) }}{{ fail (printf "the set %s is live, so its processes need a command" .set) }}{{ end }}
    {{- if .spec.command }}
    command:
      - sh
      - -c
      - |
        {{- /* Of the shell's own variables $$ alone would be read as another. */}}
        {{- if $live }}
        {{- include "app.liveSupervise" . | replace "$$" "$$$$" | nindent 8 }}
        {{- else if .spec.tty }}
        {{- include "app.attendTerminal" . | nindent 8 }}
        {{- else if .spec.stdin }}
        {{- include "app.attend" . | nindent 8 }}
        {{- else }}
        {{- include "app.supervise" . | replace "$$" "$$$$" | nindent 8 }}
        {{- end }}
      - tow
      - {{ .process | quote }}
      # Kubernetes would put values in place of $(NAME) by itself; what the shell is to read has each $ twice.
      - {{ .spec.command | replace "$" "$$" | quote }}
      {{- with .spec.tty }}
      - {{ .columns | quote }}
      - {{ .rows | quote }}
      {{- end }}
    {{- end }}
    {{- if .spec.tty }}
    stdin: true
    tty: true
    {{- else if .spec.stdin }}
    stdin: true
    stdinOnce: true
    {{- end }}
    env:
      {{- if .takesTraffic }}
      - name: PORT
        value: {{ include "app.port" . | quote }}
      {{- end }}
      {{- if $live }}
      - name: TOW_DEBUG_PORT
        value: "9229"
      {{- end }}
      - name: TOW_APP
        value: {{ include "app.told" .root | quote }}
      - name: TOW_ENVIRONMENT
        value: {{ $values.environment | quote }}
      {{- with $values.space }}
      - name: TOW_SPACE
        value: {{ . | quote }}
      {{- end }}
      - name: TOW_RELEASE
        {{- /* In a space a set is no release: `mine.3`. */}}
        value: {{ if and $set.release (not (contains "." .set)) }}{{ printf "v%d" (int $set.release) | quote }}{{ else }}{{ .set | quote }}{{ end }}
      - name: TOW_POD
        valueFrom:
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.name
      - name: HOME
        value: /tmp
      - name: TMPDIR
        value: /tmp
    {{- with $set.config }}
    envFrom:
      {{- range . }}
      - secretRef:
          name: {{ . }}
      {{- end }}
    {{- end }}
    resources:
      {{- include "app.resources" . | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: {{ $values.readOnlyRoot }}
      capabilities:
        drop: [ALL]
    {{- if .takesTraffic }}
    {{- include "app.traffic" (merge (dict "live" $live "drain" $drain) .) | nindent 4 }}
    {{- end }}
    {{- if $volumes }}
    volumeMounts:
      {{- if $scratch }}
      - name: scratch
        mountPath: /tmp
      {{- end }}
      {{- if $live }}
      - name: live
        mountPath: /workspace
        subPath: workspace
      - name: live
        mountPath: /run/tow
        subPath: control
      {{- end }}
    {{- end }}
{{- if $volumes }}
volumes:
  {{- if $scratch }}
  - name: scratch
    emptyDir:
      sizeLimit: {{ $scratch }}
  {{- end }}
  {{- if $live }}
  - name: live
    emptyDir:
      sizeLimit: {{ $values.resources.storage }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Port, probes and the way out of a container that takes traffic. */}}
{{- define "app.traffic" -}}
ports:
  - name: http
    containerPort: {{ include "app.port" . }}
    protocol: TCP
# No startupProbe: it would hold the first look at readiness back until its own next second, while the kubelet looks at
# readiness at once when it sees the container run.
readinessProbe:
  {{- include "app.check" . | nindent 2 }}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 4
{{- if not .live }}
livenessProbe:
  {{- include "app.check" . | nindent 2 }}
  # Not before it had its time to boot, and a little more: whoever waits has seen why before the kubelet ends it.
  initialDelaySeconds: {{ add (.spec.bootSeconds | default 60) 5 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
{{- $awaits := and .spec.command (not .live) }}
{{- if or .drain $awaits }}
lifecycle:
  {{- if $awaits }}
  postStart:
    exec:
      command:
        - sh
        - -c
        - |
          {{- include "app.awaitListener" . | nindent 10 }}
        - tow
        - {{ include "app.port" . | int | printf "%04X" | quote }}
  {{- end }}
  {{- if .drain }}
  preStop:
    sleep:
      seconds: {{ .drain }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "app.check" -}}
{{- if .spec.health -}}
httpGet:
  path: {{ .spec.health | quote }}
  port: http
  scheme: HTTP
{{- else -}}
tcpSocket:
  port: http
{{- end }}
{{- end }}
