#include "services/capture/mail/fold_patterns.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace embudo::capture::mail {
namespace {

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

/// Something that says when or who: a digit or an address.
constexpr char kWhenOrWho[] = "[^\\n]*(?:\\d|@)[^\\n]*";

const RE2& QuoteHeaderPattern() {
  static const RE2 pattern(
      std::string("(?is)^[\\s>*_\"'~#-]*(?:") +
      // English, and programs that write it whatever the language.
      "on\\b" + kWhenOrWho + "\\b(?:wrote|writes|sent|said)\\b" + "|at\\b" + kWhenOrWho + "\\b(?:wrote|writes)\\b" +
      "|.{0,200}[<@(].{0,200}\\b(?:wrote|writes)" + "|[^.!?]{1,80}\\bwrote:?\\s*-{2,}$" +
      // French, Italian, Spanish, Portuguese, Catalan, Romanian
      "|le\\b" + kWhenOrWho + "(?:a\\s+[ée]crit|[ée]crivait)" + "|(?:il|in data|il giorno)\\b" + kWhenOrWho +
      "ha\\s+scritto" + "|el\\b" + kWhenOrWho + "(?:escribi[óo]|va\\s+escriure)" + "|(?:em|a|no dia)\\b" + kWhenOrWho +
      "(?:escreveu|scris)" + "|" + kWhenOrWho + "(?:escreveu|escribió|a scris)" +
      // German, Dutch, the Scandinavians
      "|(?:am\\b|um\\b|on\\b)?" + kWhenOrWho + "\\bschrieb(?:en)?\\b[^\\n]*" +
      "|[^\\n]{1,100}\\bschrieb\\s+(?:am|um)?[^\\n]*\\d[^\\n]*" + "|op\\b" + kWhenOrWho +
      "(?:schreef|heeft[^\\n]*geschreven|geschreven)[^\\n]*" + "|(?:den|på|kl|am|ons|tors|fre|lör|sön|mån|tis)?" +
      kWhenOrWho + "\\b(?:skrev|skriver|skreiv)\\b[^\\n]*" + "|" + kWhenOrWho + "(?:kirjoitti)" +
      // Slavic
      "|(?:w dniu|dnia|dne|u|dana)\\b" + kWhenOrWho +
      "(?:napisa[łl](?:\\(a\\)|a|o)?|pisze|napsal(?:\\(a\\)|a)?|napísal|je napisa[ol]|piše)[^\\n]*" + "|" + kWhenOrWho +
      "(?:napisa[łl]|napsal|napísal)[^\\n]*" + "|" + kWhenOrWho +
      "(?:пишет|писал[аи]?|написал(?:\\(а\\)|а|и)?|написав|пише)[^\\n]*" +
      // Greek, Hungarian, Turkish, East Asian
      "|" + kWhenOrWho + "(?:έγραψε|írta|yazdı|tarihinde)[^\\n]*" + "|" + kWhenOrWho +
      "(?:写道|寫道|書きました|のメッセージ|작성|viết|כתב)[^\\n]*" +
      // A date and an address and nothing more.
      "|[^\\n]*\\d[^\\n]*<\\s*[^>\\s]+@[^>\\s]+>\\s*[:：]" +
      "|\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d GMT\\S* [^\\n]{1,80}" +
      "|\\d{2,4}[-/.]\\d{1,2}[-/.]\\d{1,4}\\b[^\\n]*<\\s*(?:mailto:)?[^>\\s]+@[^>\\s]+>" +
      ")[\\s\\x{a0}]*[:：]?[\\s>*_\"'~#-]*$");
  return pattern;
}

/// The first words that a quote header in several lines begins with.
const RE2& QuoteHeaderStart() {
  static const RE2 pattern(
      "(?i)^[\\s>*_\"'-]*(?:on|at|le|il|in data|el|em|am|um|op|den|på|w dniu|dnia|dne|u|dana|a|kl\\.?|в|от|於|在|"
      "\\d{1,4}[-/.]|\\d{1,2} \\p{L}|\\p{L}{2,12}[.,]? \\d{1,2}|\\p{L}{2,12}, \\p{L}{0,12}\\.? "
      "?\\d)(?:\\b|\\s|\\d|\\p{L})");
  return pattern;
}

struct Label {
  QuotedHeader header;
  const char* names;
};

constexpr std::array<Label, 5> kLabels = {{
    {QuotedHeader::kFrom,
     "from|de|von|da|van|från|fra|od|от|від|发件人|發件人|寄件者|差出人|보낸 사람|보낸사람|lähettäjä|kimden|gönderen|"
     "expéditeur|remitente|mittente|absender|feladó|frá|desde|reply-to|responder a"},
    {QuotedHeader::kDate,
     "date|sent|sent at|envoyé|envoyé le|gesendet|datum|inviato|data|enviado|enviado el|enviada em|fecha|verzonden|"
     "skickat|sendt|dato|päivämäärä|lähetetty|wysłano|wyslano|odesláno|дата|отправлено|дата відправлення|发送时间|"
     "發送時間|寄件日期|送信日時|日時|보낸 날짜|날짜|tarih|gönderildi|elküldve|dátum|trimis"},
    {QuotedHeader::kTo,
     "to|à|a|an|aan|para|till|til|do|komu|кому|收件人|宛先|받는 사람|받는사람|vastaanottaja|kime|címzett|către|per"},
    {QuotedHeader::kSubject,
     "subject|objet|betreff|betr\\.?|oggetto|asunto|assunto|onderwerp|ämne|emne|temat|předmět|predmet|тема|主题|主題|"
     "件名|제목|aihe|konu|tárgy|subiect"},
    {QuotedHeader::kOther,
     "cc|copie à|kopie|kopia|dw|копия|抄送|ccn|cco|bcc|importance|priority|wichtigkeit|"
     "organization|attachments|anlagen|allegati"},
}};

const RE2& LabelPattern(size_t i) {
  static const auto* const patterns = [] {
    auto* made = new std::array<std::unique_ptr<RE2>, kLabels.size()>();
    for (size_t label = 0; label < kLabels.size(); ++label) {
      (*made)[label] = std::make_unique<RE2>(std::string("(?i)^[\\s>*_|]*(?:") + kLabels[label].names +
                                             ")[\\s*_]*[:：][\\s*_]*(?:\\S|$)");
    }
    return made;
  }();
  return *(*patterns)[i];
}

bool HasColon(std::string_view line) {
  return line.find(':') != std::string_view::npos || line.find("：") != std::string_view::npos;
}

}  // namespace

bool IsQuoteHeader(std::string_view line) {
  if (line.size() > 500 || line.size() < 6) return false;
  return RE2::PartialMatch(Piece(line), QuoteHeaderPattern());
}

bool MayBeginQuoteHeader(std::string_view line) {
  return line.size() <= 300 && RE2::PartialMatch(Piece(line), QuoteHeaderStart());
}

size_t QuoteHeaderWithin(std::string_view line) {
  static const RE2 pattern(
      "(?i)^(.*?\\S)(?:\\s|-{2,}\\s*)On (?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"
      "\\d{1,4}[-/])[^\\n]{5,300}\\bwrote:?\\s*$");
  if (line.size() > 600 || line.starts_with('>') || line.find(" wrote") == std::string_view::npos)
    return std::string_view::npos;
  re2::StringPiece before;
  if (!RE2::PartialMatch(Piece(line), pattern, &before)) return std::string_view::npos;
  while (!before.empty() && (before[before.size() - 1] == '-' || before[before.size() - 1] == ' ')) {
    before.remove_suffix(1);
  }
  return before.size();
}

bool IsOriginalMessage(std::string_view line) {
  static const RE2 pattern(
      "(?i)^[\\s>*_]*-{2,}\\s*(?:(?:original|reply|forwarded|forward|begin forwarded|original appointment|"
      "inline)\\s*(?:message|mail|e-mail|appointment)?[^-]{0,60}|"
      "(?:ursprüngliche|antwort|weitergeleitete|original)\\s*(?:nachricht|e-mail|termin)[^-]{0,60}|"
      "message\\s+(?:d'origine|transféré|original|de origen|reenviado|transmis)[^-]{0,30}|"
      "mensaje\\s+(?:original|reenviado)|mensagem\\s+(?:original|encaminhada)|messaggio\\s+(?:originale|inoltrato)|"
      "(?:oorspronkelijk|doorgestuurd)\\s*bericht|oprindelig\\s*meddelelse|ursprungligt?\\s*meddelande|"
      "opprinnelig\\s*melding|alkuperäinen\\s*viesti|(?:wiadomość|wiadomosc)\\s*oryginalna|původní\\s*zpráva|"
      "исходное\\s*сообщение|пересылаемое\\s*сообщение|原始邮件|原始郵件|元のメッセージ|원본\\s*메시지)\\s*-{2,}[\\s*_]"
      "*$|"
      "^(?:begin forwarded message|début du message (?:réexpédié|transféré)|anfang der weitergeleiteten (?:nachricht|"
      "e-mail)|inizio messaggio inoltrato|begin doorgestuurd bericht|vidarebefordrat brev|forwarded "
      "message)\\s*:\\s*$");
  return line.size() <= 200 && RE2::PartialMatch(Piece(line), pattern);
}

bool IsDelimiter(std::string_view line) {
  if (line == "\xe1\x90\xa7") return true;  // what a tracker of Gmail's leaves
  if (line.size() < 2) return false;
  const char first = line[0];
  if (std::string_view("-_=+~#*").find(first) == std::string_view::npos) return false;
  return std::all_of(line.begin(), line.end(), [&](char c) { return c == first || c == ' '; });
}

bool IsDeviceSignature(std::string_view line) {
  static const RE2 pattern(
      "(?i)^[\\s<(\\[*_>-]*(?:"
      "sent (?:from|via|with|by|using) |sent on the go|from my (?:\\S+ "
      ")?(?:iphone|ipad|android|phone|mobile|blackberry)|"
      "someone from mobile|get \\[?outlook for |get (?:gmail|boxer|inbox) for |"
      "envoyé (?:depuis|de|à partir|avec) |von mein(?:em|er)? .*(?:gesendet|geschickt)|gesendet (?:von|mit|aus) |"
      "diese nachricht wurde .* gesendet|inviato d(?:a|al|alla) |enviad[oa] (?:desde|do|a partir|via|de) |"
      "verzonden (?:met|vanaf|via|vanuit) |verstuurd (?:vanaf|met) |skickat från |skickades från |sendt fra |"
      "lähetetty |wysłan[eoy] z |odesláno z |odoslané z |отправлено с|надіслано з|"
      "從我的|从我的|發送自|发自我的|iphoneから送信|나의 .*에서 보냄|iphone'?(?:ımdan|umdan)? gönderildi|"
      "elküldve az |trimis de pe )");
  return line.size() <= 160 && RE2::PartialMatch(Piece(line), pattern);
}

QuotedHeader QuotedHeaderOf(std::string_view line) {
  if (line.size() > 1000 || !HasColon(line.substr(0, 60))) return QuotedHeader::kNone;
  for (size_t i = 0; i < kLabels.size(); ++i) {
    if (RE2::PartialMatch(Piece(line), LabelPattern(i))) return kLabels[i].header;
  }
  return QuotedHeader::kNone;
}

}  // namespace embudo::capture::mail
