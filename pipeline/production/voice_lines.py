"""A language → a sentence in it by which a voice can be judged."""

from __future__ import annotations

from collections.abc import Mapping

# In the languages of the service's multilingual models, by their primary subtag (BCP 47).
LINES: Mapping[str, str] = {
    "ar": "مرحبًا، هكذا يبدو صوتي. ماذا أقرأ لك اليوم؟",
    "bg": "Здравейте, така звучи моят глас. Какво да ви прочета днес?",
    "ca": "Hola, així sona la meva veu. Què vols que et llegeixi avui?",
    "cs": "Dobrý den, takto zní můj hlas. Co vám dnes mám přečíst?",
    "da": "Hej, sådan lyder min stemme. Hvad skal jeg læse for dig i dag?",
    "de": "Hallo, so klingt meine Stimme. Was soll ich heute vorlesen?",
    "el": "Γεια σας, έτσι ακούγεται η φωνή μου. Τι να σας διαβάσω σήμερα;",
    "en": "Hello, this is how my voice sounds. What shall I read to you today?",
    "es": "Hola, así suena mi voz. ¿Qué quieres que te lea hoy?",
    "fi": "Hei, tältä ääneni kuulostaa. Mitä luen sinulle tänään?",
    "fil": "Kumusta, ganito ang tunog ng boses ko. Ano ang babasahin ko para sa iyo ngayon?",
    "fr": "Bonjour, voici ma voix. Que dois-je vous lire aujourd’hui ?",
    "hi": "नमस्ते, मेरी आवाज़ ऐसी है। आज मैं आपके लिए क्या पढ़ूँ?",
    "hr": "Dobar dan, ovako zvuči moj glas. Što da vam danas pročitam?",
    "hu": "Jó napot, így szól a hangom. Mit olvassak fel ma?",
    "id": "Halo, beginilah suara saya. Apa yang harus saya bacakan hari ini?",
    "it": "Ciao, questa è la mia voce. Che cosa ti leggo oggi?",
    "ja": "こんにちは、私の声はこのように聞こえます。今日は何を読みましょうか。",
    "ko": "안녕하세요, 제 목소리는 이렇습니다. 오늘은 무엇을 읽어 드릴까요?",
    "ms": "Helo, beginilah bunyi suara saya. Apa yang perlu saya baca hari ini?",
    "nb": "Hei, slik høres stemmen min ut. Hva skal jeg lese for deg i dag?",
    "nl": "Hallo, zo klinkt mijn stem. Wat zal ik vandaag voorlezen?",
    "pl": "Dzień dobry, tak brzmi mój głos. Co mam dziś przeczytać?",
    "pt": "Olá, esta é a minha voz. O que vou ler para você hoje?",
    "ro": "Bună ziua, așa sună vocea mea. Ce să vă citesc astăzi?",
    "ru": "Здравствуйте, так звучит мой голос. Что вам сегодня прочитать?",
    "sk": "Dobrý deň, takto znie môj hlas. Čo vám mám dnes prečítať?",
    "sv": "Hej, så här låter min röst. Vad ska jag läsa för dig i dag?",
    "ta": "வணக்கம், என் குரல் இப்படித்தான் இருக்கும். இன்று நான் என்ன படிக்கட்டும்?",
    "tr": "Merhaba, sesim böyle. Bugün size ne okuyayım?",
    "uk": "Вітаю, так звучить мій голос. Що вам сьогодні прочитати?",
    "vi": "Xin chào, giọng của tôi nghe như thế này. Hôm nay tôi đọc gì cho bạn?",
    "zh": "你好，我的声音就是这样。今天我给你读什么？",
}
SAME: Mapping[str, str] = {"no": "nb", "cmn": "zh", "tl": "fil", "iw": "he"}
# Numbers are read in the voice's own language, whichever that is.
COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."


def line_in(language: str) -> str:
    """Return a sentence in a language (BCP 47), or figures, which every voice reads in its own, where there is none."""
    primary = language.lower().replace("_", "-").partition("-")[0]
    return LINES.get(SAME.get(primary, primary), COUNTING)
