{{- define "access.subjects" -}}
subjects:
  {{- with .Values.user }}
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: {{ . | quote }}
  {{- end }}
  {{- with .Values.group }}
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: {{ . | quote }}
  {{- end }}
  {{- if .Values.serviceAccount }}
  - kind: ServiceAccount
    name: {{ .Values.name }}
    namespace: {{ .Release.Namespace }}
  {{- end }}
{{- end }}

{{/* The same as an expression about who asks. */}}
{{- define "access.isGiven" -}}
{{- $is := list }}
{{- with .Values.user }}{{ $is = append $is (printf "request.userInfo.username == '%s'" (replace "'" "\\'" .)) }}{{ end }}
{{- with .Values.group }}{{ $is = append $is (printf "'%s' in request.userInfo.groups" (replace "'" "\\'" .)) }}{{ end }}
{{- if .Values.serviceAccount }}{{ $is = append $is (printf "request.userInfo.username == 'system:serviceaccount:%s:%s'" .Release.Namespace .Values.name) }}{{ end }}
{{- $is | join " || " }}
{{- end }}
