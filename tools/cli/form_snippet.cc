#include "tools/cli/form_snippet.h"

#include <utility>
#include <vector>

namespace embudo::cli {
namespace {

using capture::v1::FieldMapping;
using capture::v1::Form;

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::vector<FieldMapping> InputsOf(const Form& form) {
  std::vector<FieldMapping> inputs;
  for (const FieldMapping& mapping : form.fields()) {
    if (!mapping.source().empty() && mapping.source() != form.consent_field()) inputs.push_back(mapping);
  }
  if (!inputs.empty()) return inputs;
  for (const auto& [name, field] : {std::pair("name", "contact_name"), std::pair("email", "email"),
                                    std::pair("company", "company_name"), std::pair("message", "description")}) {
    FieldMapping& mapping = inputs.emplace_back();
    mapping.set_source(name);
    mapping.set_field(field);
    mapping.set_required(std::string_view(name) == "email");
  }
  return inputs;
}

std::string InputOf(const FieldMapping& mapping) {
  const std::string name = Escape(mapping.source());
  const std::string required = mapping.required() ? " required" : "";
  if (mapping.field() == "description") {
    return "  <label>" + name + " <textarea name=\"" + name + "\" rows=\"4\"" + required + "></textarea></label>\n";
  }
  const char* type = mapping.field() == "email" ? "email" : mapping.field() == "phone" ? "tel" : "text";
  return "  <label>" + name + " <input type=\"" + type + "\" name=\"" + name + "\"" + required + "></label>\n";
}

std::string ScriptOf(const Form& form, bool script) {
  std::string out;
  if (form.min_fill_seconds() > 0) {
    out +=
        "  const opened = Date.now();\n"
        "  form.addEventListener(\"formdata\", (event) => event.formData.set(\"_elapsed_ms\", Date.now() - opened));\n";
  }
  if (script) {
    out +=
        "  form.addEventListener(\"submit\", async (event) => {\n"
        "    event.preventDefault();\n"
        "    const answer = await fetch(form.action, {\n"
        "      method: \"POST\",\n"
        "      headers: { Accept: \"application/json\" },\n"
        "      body: new URLSearchParams(new FormData(form)),\n"
        "    });\n"
        "    const result = await answer.json();\n"
        "    form.querySelector(\"output\").textContent = result.ok ? \"Thank you.\" : result.error.message;\n"
        "    if (result.ok) form.reset();\n"
        "  });\n";
  }
  if (out.empty()) return "";
  return "<script>\n{\n  const form = document.currentScript.previousElementSibling;\n" + out + "}\n</script>\n";
}

}  // namespace

std::string FormSnippet(const Form& form, const std::string& uri, bool script) {
  std::string html = "<form method=\"post\" action=\"" + Escape(uri) + "/forms/" + form.key() + "\">\n";
  for (const FieldMapping& mapping : InputsOf(form)) html += InputOf(mapping);
  if (!form.consent_field().empty()) {
    html += "  <label><input type=\"checkbox\" name=\"" + Escape(form.consent_field()) + "\" value=\"yes\"" +
            (form.consent_required() ? " required" : "") + "> You may contact me about this.</label>\n";
  }
  if (!form.honeypot_field().empty()) {
    html += "  <div style=\"position:absolute;left:-9999px\" aria-hidden=\"true\"><input name=\"" +
            Escape(form.honeypot_field()) + "\" tabindex=\"-1\" autocomplete=\"off\"></div>\n";
  }
  html += "  <button>Send</button>\n";
  if (script) html += "  <output></output>\n";
  return html + "</form>\n" + ScriptOf(form, script);
}

}  // namespace embudo::cli
