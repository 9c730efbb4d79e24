"""Words by which a written answer names, prefers and rejects options, in many languages."""

# ruff: noqa: RUF001

from __future__ import annotations

# An option that follows one of these is the answer: "the answer is B", "I choose B".
CUES = frozenset(
    """
    answer answers answer's correct right solution solutions conclude conclusion choose chose
    choosing chosen pick picked select selected selecting selection prefer go going went settle
    lean leaning guess verdict ranking rank ranked best final opt vote
    antwort antworten richtig richtige richtigen korrekt korrekte lösung loesung wähle waehle wählen
    nehme entscheide ergebnis
    réponse reponse réponses bonne correcte exacte choisis choisirais retiens solution conclusion
    respuesta correcta correcto elijo elegiría selecciono escojo solución
    resposta correta correto escolho alternativa gabarito letra
    risposta corretta corretto esatta scelgo soluzione
    antwoord juiste kies svar svaret rätt rätta rigtige riktig riktige väljer vælger velger
    vastaus oikea odpowiedź odpowiedz poprawna prawidłowa wybieram odpověď správná odpoveď
    válasz helyes răspuns raspunsul răspunsul corect
    ответ ответа ответом правильный правильно верный верно выбираю відповідь правильна правильний
    отговор одговор тачан
    cevap yanıt doğru jawaban jawabannya benar jawapan betul sagot jibu
    απάντηση σωστή σωστό
    उत्तर सही जवाब উত্তর সঠিক பதில் విడை సమాధానం ઉત્તર ਉੱਤਰ ജവാബ്
    תשובה התשובה הנכונה پاسخ صحیح جواب
    """.split()
)
# Beginnings of such words in languages that add endings or articles to them.
CUE_BEGINNINGS = (
    "정답", "답은", "해답", "الإجابة", "الاجابة", "إجابة", "اجابة", "الجواب", "جواب",
    "والإجابة", "والجواب", "الصحيح", "الصحيحة", "คำตอบ", "ตอบ",
    "cevab", "yanıt", "vastau", "válasz", "jawab",
)  # fmt: skip
# These name an option without preferring it: "option B".
LABELS = frozenset(
    """
    option options choice choices letter alternative statement
    auswahl möglichkeit antwortmöglichkeit buchstabe aussage proposition lettre choix affirmation
    opción opcion inciso literal opção opcao opzione lettera optie alternativ alternativet
    opcja możnost вариант варианта варіант seçenek şık pilihan opsi phương án đáp
    विकल्प বিকল্প الخيار خيار گزینه אפשרות επιλογή ข้อ ตัวเลือก
    """.split()
)
# What a writer says before a conclusion: "so B", "it must be B", "it is B".
CONCLUDING = frozenset(
    """
    therefore thus hence so is be it's that's i'd say but becomes yields except only
    also daher deshalb ist sein sei sondern donc est es por tanto é è dunque quindi
    это значит поэтому
    """.split()
)
# Verbs between an option and what is said of it: "B is a salt".
COPULAS = frozenset("is are be was ist sind est es son é è это jest är er".split())
# Words that may stand between a cue and the option.
FILLERS = frozenset(
    """
    is are was be been being would should must will has have to the a an of for with on in at by as
    most more likely probably clearly definitely certainly therefore thus then hence so indeed
    actually simply just given i i'd i'll think believe my this that these question here above
    out following towards toward and now number no. nr one it only obviously overall
    die der das ist sind wäre lautet auf diese frage also daher somit ich für nummer mit
    la le les l est serait sont donc à question pour que je
    el lo los las es sería son por tanto pregunta a yo
    o os as é seria são portanto pergunta eu
    il i è sarebbe quindi domanda
    de het is zijn dus är er det den jest to je
    на этот вопрос это — является будет под вариант
    adalah ialah yang olarak olan là
    है हो का के की को সে হল হলো
    هي هو على السؤال هذا است היא הוא
    คือ เป็น ข้อ είναι η το
    입니다 은 는 이 가 번 番
    """.split()
)  # fmt: skip
# An option that directly follows one of these is not the answer: "not B", "rather than B".
REJECTING = frozenset(
    """
    not cannot never than neither nor against unlike eliminate eliminates eliminating exclude
    excludes excluding reject rejects rule rules ruled discard without over instead
    nicht weder noch statt als kein keine pas ni plutôt contrairement no tampoco excepto
    não nem non né niet geen inte ikke ei nie ne не değil bukan không नहीं ليس ليست לא
    """.split()
)
# Judgements that follow an option: "B is correct", "B: no".
VERBS = frozenset(
    """
    is are was were seems seem looks appears remains must has should would could can may
    might cannot can't isn't aren't doesn't does do did don't wasn't won't therefore clearly
    ist sind wäre scheint est sont semble es son parece é são è sono is zijn är er jest je
    является верен adalah είναι है هو هي คือ
    """.split()
)
APPROVING = frozenset(
    """
    correct right true best answer accurate appropriate likely yes valid fits matches ✓ ✔ ✅ ☑
    richtig korrekt wahr stimmt ja antwort correcte exacte exact juste vraie vrai oui réponse
    correcta correcto verdadera verdadero cierta sí respuesta correta correto certa certo
    verdadeira sim resposta corretta corretto giusta vera vero sì risposta
    juist goed rätt riktig rigtig poprawna prawidłowa správně správná
    правильный правильно верно верный верна правильна да ответ doğru doğrudur benar betul
    सही صحيح صحيحة الصحيحة الصحيح الإجابة ถูก ถูกต้อง σωστή σωστό
    """.split()
)
DISAPPROVING = frozenset(
    """
    wrong incorrect false not no never unlikely less least implausible irrelevant impossible
    eliminated out inaccurate untrue distractor cannot fails contradicts rejected excluded
    neither nor hardly misleading tempting unrelated ✗ ✘ ❌ × ☒
    falsch nicht nein unwahr inkorrekt kein faux fausse incorrecte pas non ne
    incorrecta incorrecto falsa falso no incorreta incorreto errada errado não
    sbagliata errata non niet fout onjuist fel inte galt feil ikke nie błędna
    неверно неправильно неверный нет не yanlış değil salah bukan không sai गलत नहीं
    خطأ خاطئة خاطئ ليس ليست ผิด ไม่ λάθος
    """.split()
)
# A judgement does not go on beyond these.
BREAKS = frozenset(
    """
    because since as if but while although though when where which whereas so and or for weil denn
    wenn aber car parce mais porque si pero mas perché ma потому но если
    """.split()
)

# The same in scripts that write no spaces: a cue and what may follow it up to the option,
# a judgement, and what rejects.
SPACELESS_CUE = (
    r"(?:答案|正解|正确选项|正確選項|正确的选项|正確的選項|正确的|正確的|正确项|最佳选项|应选|應選|故选|故選|选择|選擇|"
    r"应为|應為|选(?!项)|選(?!項|択肢)|回答|答え|解答|答|正しい選択肢|正しいもの|正しいの|正解の選択肢|结论|結論|คำตอบ|ตอบ|ចម្លើយ|ຄຳຕອບ|အဖြေ)"
    r"(?:是|为|為|应|應|该|該|选项|選項|选|選|项|項|择|擇|就|的|应该|可能|最|は|が|も|の|選択肢|肢|番号|คือ|ข้อ|គឺ|ແມ່ນ|[\s:'\"(\-\u2014\u2013]){0,12}\Z"
)
SPACELESS_LABEL = (
    r"(?:选项|選項|選択肢|所以|因此|故|即|是|为|つまり|よって|したがって|ข้อ|선택지|보기)[\s::]*\Z"
)
SPACELESS_REJECTING = r"(?:不是|不选|不選|并非|並非|排除|而非|而不是|非|不)(?:选项|選項)?\s*\Z"
SPACELESS_DISAPPROVING = (
    r"\A[\s)'\"」』】]*(?:选项|選項|项|項)?(?:都|均|也|是|为|為|は|が|も|은|는|이|가|\s|::?)*"
    r"(?:错|錯|不正确|不正確|不对|不對|不是|不符|不选|誤り|誤って|間違|違い|違う|不正解|不適切|正しくな|오답|틀|아니|ผิด|ไม่)"
)
SPACELESS_APPROVING = (
    r"\A[\s)'\"」』】]*(?:选项|選項|项|項)?(?:才|就|是|为|為|最|は|が|も|은|는|이|가|\s|::?)*"
    r"(?:正确|正確|对|對|正しい|正解|適切|正答|答え|答案|정답|맞|옳|ถูก)"
)
