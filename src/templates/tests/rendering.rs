use super::{World, file};
use crate::domain::{Customer, Time, Value};
use crate::templates::RenderError;

#[test]
fn one_text_makes_subject_plain_part_and_html_part() {
    let rendered = World::new().render(
        "---\nsubject: \"{{ customer.first_name or 'Hello' }}, we miss you\"\npreheader: From {{ business.name }}\n---\n\
         # Dear {{ customer.first_name or 'friend' }}\n\nYou came **{{ orders.count }}** times.\n",
    );
    assert_eq!(rendered.subject, "Ana, we miss you");
    assert_eq!(rendered.preheader, "From Amani & Sons");
    assert_eq!(rendered.locale, "en");
    assert_eq!(rendered.text, "Dear Ana\n\nYou came 4 times.\n\nAmani & Sons\nMoi Avenue 1\n");
    assert!(rendered.html.starts_with("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"));
    assert!(rendered.html.contains(">Dear Ana</h1>"));
    assert!(rendered.html.contains("You came <strong>4</strong> times."));
    assert!(rendered.html.contains("From Amani &amp; Sons</div>"));
    assert!(rendered.html.contains(">Amani &amp; Sons<br>Moi Avenue 1</p>"));
}

#[test]
fn a_customers_value_never_becomes_markup_or_a_tag() {
    for name in
        ["<script>alert(1)</script>", "{{ 7*7 }}", "\"><img src=x>", "**b** [x](http://y)", "{% if %}", "\u{f0000}"]
    {
        let (text, html) = World::named(name).body("Dear {{ customer.first_name or 'friend' }}");
        assert_eq!(text, format!("Dear {name}"));
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("49") && !html.contains("<strong")
        );
    }
    let rendered = World::named("<b>\" {{ 7*7 }}").render(
        "---\nsubject: \"{{ customer.first_name or 'x' }}\"\npreheader: \"{{ customer.first_name or 'x' }}\"\n---\nHi\n",
    );
    assert_eq!(rendered.subject, "<b>\" {{ 7*7 }}");
    assert!(!rendered.html.contains("<b>"));
    assert_eq!(rendered.html.matches("&lt;b&gt;&quot; {{ 7*7 }}").count(), 2);
}

#[test]
fn line_breaks_and_control_characters_never_reach_the_subject() {
    let text = "---\nsubject: \"Hi {{ customer.first_name or 'x' }}\"\npreheader: \"{{ customer.first_name or 'x' }}\"\n---\nHi\n";
    let rendered = World::named("A\r\nBcc: x@y.test\n\rZ\0\u{1b}\u{85}\u{2028}!\u{7f}").render(text);
    assert_eq!(rendered.subject, "Hi A Bcc: x@y.test  Z    !");
    assert!(!rendered.preheader.contains(['\r', '\n', '\0']));
    let long = World::named(&"č".repeat(2000)).render(text);
    assert_eq!(long.subject.chars().count(), 251);
}

#[test]
fn a_subject_of_which_nothing_is_left_is_an_error() {
    let mut world = World::new();
    world.words.insert("empty".into(), " ".into());
    let text = "---\nsubject: \"{{ 'x' if orders.count != 4 else '\\n' }}\"\n---\nHi\n";
    let error = world.try_render(text).unwrap_err();
    assert!(matches!(error, RenderError::EmptySubject { .. }), "{error}");
}

#[test]
fn what_a_customer_lacks_is_none_or_its_default() {
    let mut world = World::new();
    world.customer = Customer::new("c1", Time(0));
    let (text, _) = world.body(
        "{{ customer.first_name or 'friend' }} {{ customer.nickname }} [{{ customer.score }}] \
         {{ customer.birthday is none }} {{ orders.count }} {{ orders.average or 'no' }} {{ customer.consent.marketing }}",
    );
    assert_eq!(text, "friend friend [] true 0 no false");
    world.set("first_name", Value::Text("".into()));
    assert_eq!(world.body("{{ customer.first_name or 'friend' }}").0, "friend");
}

#[test]
fn numbers_count_as_numbers_and_print_as_plain_decimals() {
    let mut world = World::new();
    world.set("score", Value::Number("0.1".parse().unwrap()));
    let (text, _) = world.body(
        "{% if orders.count > 3 %}many{% endif %} {{ orders.revenue }} {{ orders.average }} {{ (customer.score or 0) + 0.2 }} \
         {{ orders.count * 2 }} {{ orders.revenue / 4 }} {{ 1e6 * 10 }} {{ 'a' if 10 > orders.count else 'b' }}",
    );
    assert_eq!(text, "many 117.32 29.33 0.3 8 29.33 10000000 a");
}

#[test]
fn dates_and_times_print_as_iso_and_days_are_the_customers() {
    let mut world = World::new();
    world.set("birthday", Value::Date(jiff::civil::date(1990, 2, 28)));
    let (text, _) = world.body("{{ customer.birthday | day }} {{ orders.last_at }} {{ orders.last_at | day }}");
    assert_eq!(text, "1990-02-28 2026-03-01T22:30:00Z 2026-03-02");
}

#[test]
fn links_and_buttons_have_their_form_in_both_parts() {
    let (text, html) = World::new().body(
        "See [our shop]({{ words.shop }}) or <https://a.example/x>.\n\n[Go now]({{ words.shop }}){.button}\n\n[Mail](mailto:a@b.test)",
    );
    assert_eq!(
        text,
        "See our shop (https://amani.example/new?a=1&b=2) or https://a.example/x.\n\n\
         Go now: https://amani.example/new?a=1&b=2\n\nMail (mailto:a@b.test)"
    );
    assert!(html.contains("<a class=\"link\" href=\"https://amani.example/new?a=1&amp;b=2\""), "{html}");
    assert!(html.contains("<a class=\"button\" href=\"https://amani.example/new?a=1&amp;b=2\""), "{html}");
    assert!(html.contains("background:#1f5f4a") && !html.contains("{.button}"));
}

#[test]
fn a_customers_value_cannot_make_a_link_of_another_kind() {
    let body = "---\nsubject: Hi\n---\n[x]({{ customer.cart_url or words.shop }})\n";
    for bad in ["javascript:alert(1)", "data:text/html,x", "/relative", "JAVASCRIPT:x"] {
        let mut world = World::new();
        world.set("cart_url", Value::Text(bad.into()));
        let error = world.try_render(body).unwrap_err().to_string();
        assert!(error.contains("bad link"), "{error}");
    }
    let mut world = World::new();
    world.set("cart_url", Value::Text("https://a.example/\" onclick=\"x".into()));
    let html = world.render(body).html;
    assert!(html.contains("href=\"https://a.example/%22%20onclick=%22x\""), "{html}");
}

#[test]
fn a_value_inside_an_address_is_one_part_of_it() {
    let (text, _) = World::named("a/b&admin=1#é")
        .body("[x](https://a.example/{{ customer.id }}?n={{ customer.first_name or '' }}{% if orders.count > 1 %}&m=1{% endif %})");
    assert_eq!(text, "x (https://a.example/c-17?n=a%2Fb%26admin%3D1%23%C3%A9&m=1)");
}

#[test]
fn each_way_through_a_condition_may_begin_an_address() {
    let body =
        "[x]({% if orders.count > 9 %}{{ words.shop }}{% else %}{{ customer.cart_url or words.shop }}{% endif %})";
    let mut world = World::new();
    world.set("cart_url", Value::Text("https://b.example/c".into()));
    assert_eq!(world.body(body).0, "x (https://b.example/c)");
}

#[test]
fn every_block_reads_well_in_plain_text() {
    let (text, html) = World::new().body(
        "## Head\n\nOne  \ntwo\nthree\n\n- a\n- b\n  - c\n\n1. x\n\n   more\n2. y\n\n> said\n> so\n\n```\n{a}  b\n\nc\n```\n\n---\n\n\
         *it* `code` ![a cup](https://a.example/cup.png) \\{\\{ x \\}\\} AT&amp;T {",
    );
    assert_eq!(
        text,
        "Head\n\nOne\ntwo\nthree\n\n- a\n- b\n  - c\n\n1. x\n\n   more\n2. y\n\n> said\n> so\n\n    {a}  b\n\n    c\n\n----\n\n\
         it code a cup {{ x }} AT&T {"
    );
    assert!(html.contains("<ol start=\"1\""), "{html}");
    assert!(html.contains("src=\"https://a.example/cup.png\" alt=\"a cup\">"), "{html}");
    assert!(html.contains("&#123;&#123; x }} AT&amp;T"), "{html}");
    for element in ["p", "h2", "ul", "li", "ol", "blockquote", "pre", "em", "code"] {
        let opened = html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
        assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}: {html}");
    }
}

#[test]
fn statements_on_lines_of_their_own_leave_nothing_behind() {
    let mut world = World::new();
    let tags = ["a", "b"].map(|tag| Value::Text(tag.into()));
    world.set("tags", Value::List(tags.into()));
    let body = "First.\n{% if orders.count > 100 %}\nHidden.\n{% else %}\nShown.\n{% endif %}\n{# a remark #}\n\
                {% for tag in customer.tags or [] %}\n- {{ tag }}\n{% endfor %}\n\nLast.";
    let (text, html) = world.body(body);
    assert_eq!(text, "First.\n\nShown.\n\n- a\n\n- b\n\nLast.");
    assert_eq!(html.matches("<p ").count(), 3, "{html}");
    assert_eq!(html.matches("<ul ").count(), html.matches("</ul>").count());
    assert!(!html.contains("<p></p>") && !html.contains("Hidden"));
}

#[test]
fn the_nearest_language_is_rendered() {
    let mut world = World::new();
    let text = |word: &str| format!("---\nsubject: {word}\n---\n{word}\n");
    let files = [file("en", &text("Hello")), file("hr", &text("Bok")), file("ar", &text("مرحبا"))];
    let (templates, found) = world.compile(&files);
    assert_eq!(found, []);
    for (locale, business, expected) in
        [("hr-HR", "en", "Bok"), ("sw", "hr-HR", "Bok"), ("sw", "fr", "Hello"), ("", "ar", "مرحبا")]
    {
        world.locale = locale;
        world.business.locale = business.into();
        assert_eq!(templates.render("hello", &world.message()).unwrap().subject, expected);
    }
    assert!(templates.render("hello", &world.message()).unwrap().html.contains("lang=\"ar\" dir=\"rtl\""));
    assert!(matches!(templates.render("other", &world.message()), Err(RenderError::NoTemplate(_))));
}

#[test]
fn the_shipped_win_back_mail_is_sound_and_reads_well() {
    let text = include_str!("../../../templates/win-back/en.md");
    let world = World::new();
    assert_eq!(world.problems(text), Vec::<String>::new());
    let rendered = world.render(text);
    assert_eq!(rendered.subject, "Ana, we miss you");
    assert!(rendered.text.starts_with("Dear Ana,\n\nit has been a while"), "{}", rendered.text);
    assert!(rendered.text.contains("You have come to us 4 times."));
    assert!(rendered.text.contains("See what is new: https://amani.example/new?a=1&b=2\n"));
    let mut stranger = World::new();
    stranger.customer = Customer::new("c1", Time(0));
    let rendered = stranger.render(text);
    assert_eq!(rendered.subject, "Hello, we miss you");
    assert!(rendered.text.starts_with("Hello,\n\n") && !rendered.text.contains("times"));
}
