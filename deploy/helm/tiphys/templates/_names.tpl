{{- define "tiphys.labels" -}}
app.kubernetes.io/name: tiphys
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "tiphys.selector" -}}
app.kubernetes.io/name: tiphys
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "tiphys.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- define "tiphys.role" -}}
{{- if .Values.controller.singleNamespace }}Role{{ else }}ClusterRole{{ end }}
{{- end }}
{{- define "tiphys.roleName" -}}
{{- if .Values.controller.singleNamespace }}{{ .Release.Name }}-controller{{ else }}{{ .Release.Name }}-controller-{{ .Release.Namespace }}{{ end }}
{{- end }}
