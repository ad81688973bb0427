//! What stands around every message: the frame of the HTML part and the foot of both.

use super::engine::escape;

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 6] = ["ar", "fa", "he", "ps", "ur", "yi"];

const HEAD: &str = r#"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{ _subject }}</title>
<style>
:root { color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #16181b !important; }
  .sheet { background: #212529 !important; color: #e9e6e0 !important; }
  .link { color: #8fd0b5 !important; }
  .foot { color: #a09b92 !important; }
}
@media (max-width: 600px) { .inner { padding: 24px 20px !important; } }
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f4f2ee">
{% if _preheader %}<div style="display:none;max-height:0;overflow:hidden;opacity:0">{{ _preheader }}</div>
{% endif %}<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td align="center" style="padding:24px 12px">
<table role="presentation" class="sheet" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px;background:#ffffff;color:#26231f;border-radius:8px"><tr>
<td class="inner" align="start" style="padding:36px 40px 20px;font:16px/1.6 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
"#;

const FOOT: &str = r#"</td></tr></table>
<p class="foot" style="margin:16px 0 0;font:13px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#77716a">{{ business.name }}{% if business.address %}<br>{{ business.address }}{% endif %}</p>
</td></tr></table>
</body>
</html>
"#;

const TEXT_FOOT: &str = "\n\n{{ business.name }}{% if business.address %}\n{{ business.address }}{% endif %}";

/// The template of the whole HTML part in that language.
pub(super) fn html(body: &str, locale: &str) -> String {
    let language = locale.split('-').next().unwrap_or_default();
    let direction = if RIGHT_TO_LEFT.contains(&language) { "rtl" } else { "ltr" };
    let lang = escape(locale);
    format!("<!doctype html>\n<html lang=\"{lang}\" dir=\"{direction}\">\n<head>\n{HEAD}{body}{FOOT}")
}

/// The template of the whole plain part.
pub(super) fn text(body: &str) -> String {
    format!("{body}{TEXT_FOOT}")
}

/// Rendered text without the blank lines that tags leave behind.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    let mut blank = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        out.push_str(line);
        out.push('\n');
        blank = false;
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}
