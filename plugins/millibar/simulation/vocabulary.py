"""Words of the simulated market: French names, streets, cities, themes, and what customers write."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    """Words of a text; an underscore stands for a space inside a name."""
    return tuple(word.replace("_", " ") for word in text.split())


MEN = _words(
    "Jean Pierre Michel André Philippe René Louis Alain Jacques Bernard Marcel Daniel Roger Robert Claude "
    "Christian Christophe Patrick Thierry Nicolas Frédéric Éric Stéphane François Sébastien Julien Thomas "
    "Maxime Alexandre Antoine Guillaume Kévin Jérôme Olivier Vincent Romain Florian Mathieu Hugo Lucas Théo "
    "Léo Gabriel Raphaël Arthur Jules Paul Adam Mohamed Karim Yanis Rayan Noé Benoît Cédric Didier Gérard "
    "Hervé Loïc Joël Gaël Aurélien Étienne Jean-Pierre Jean-Luc Jean-Claude Jean-Marc Pierre-Yves Marc-Antoine"
)
WOMEN = _words(
    "Marie Jeanne Françoise Monique Catherine Nathalie Isabelle Jacqueline Anne Sylvie Martine Christine "
    "Nicole Valérie Sandrine Stéphanie Véronique Sophie Céline Chantal Patricia Brigitte Annie Julie Aurélie "
    "Laurence Christelle Émilie Dominique Virginie Camille Léa Manon Chloé Emma Inès Sarah Laura Pauline "
    "Mathilde Marine Élodie Amélie Hélène Thérèse Geneviève Élise Zoé Jade Louise Alice Lina Fatima Nadia "
    "Yasmine Agnès Cécile Maëlle Noémie Anaïs Gaëlle Joëlle Anne-Marie Marie-Claude Marie-Christine Anne-Sophie"
)
NICKNAMES = {
    "Jean-Pierre": "JP", "Jean-Claude": "Jean Claude", "Jean-Luc": "JL", "Jean-Marc": "J.-Marc",
    "Alexandre": "Alex", "Christophe": "Chris", "Frédéric": "Fred", "Nicolas": "Nico", "Sébastien": "Seb",
    "Stéphane": "Steph", "Mathieu": "Mat", "Maxime": "Max", "Guillaume": "Guigui", "Gabriel": "Gab",
    "Benoît": "Ben", "Vincent": "Vince", "Mohamed": "Momo", "Raphaël": "Raph", "Philippe": "Phil",
    "Catherine": "Cathy", "Nathalie": "Nath", "Isabelle": "Isa", "Stéphanie": "Steph", "Véronique": "Véro",
    "Valérie": "Val", "Christine": "Kris", "Christelle": "Chris", "Patricia": "Pat", "Émilie": "Mimi",
    "Virginie": "Virg", "Mathilde": "Mathou", "Élodie": "Élo", "Françoise": "Fanfan", "Geneviève": "Ginette",
    "Anne-Sophie": "Anso", "Marie-Christine": "Marie-Chris", "Dominique": "Dom", "Sandrine": "Sandy",
}  # fmt: skip
FAMILY = _words(
    "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux "
    "David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure "
    "André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément "
    "Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer "
    "Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martinez Gérard "
    "Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix "
    "Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte López Jean "
    "Dupuy Guillot Hubert Berger Carpentier Sánchez Dupuis Moulin Louis Deschamps Huet Vasseur Perez Boucher "
    "Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard "
    "Maillard Baron Bertin Bailly Hervé Schneider Fernandez Collet Léger Bouvier Julien Prévost Millet Perrot "
    "Daniel Cousin Germain Breton Besson Langlois Rémy Le_Gall Pelletier Lévêque Barre Nguyen Benali Haddad "
    "Traoré Diallo Da_Silva Müller Ferreira"
)
FAMILY_HEADS = _words("Beau Mont Roche Haut Long Grand Bel Clair Fon Cham Val Bois Mar Ber Cour Mal Ri Sau Tou Vil")
FAMILY_TAILS = _words(
    "mont fort court ville champ lieu val bert lain rand din geau teau vier nay rieux gnac zac quet lard"
)
STREET_KINDS = ("rue", "rue", "rue", "rue", "avenue", "boulevard", "place", "allée", "chemin", "impasse")
STREETS = (
    "de la République",
    "Victor Hugo",
    "des Écoles",
    "de l'Église",
    "Pasteur",
    "du Général de Gaulle",
    "Jean Jaurès",
    "de la Gare",
    "des Lilas",
    "du Moulin",
    "de Verdun",
    "Émile Zola",
    "des Acacias",
    "du Château",
    "de la Fontaine",
    "Gambetta",
    "des Prés",
    "Molière",
    "de la Liberté",
    "Saint-Honoré",
    "des Cerisiers",
    "de l'Abbé Grégoire",
    "du Stade",
    "Voltaire",
    "de Bretagne",
    "des Tilleuls",
    "George Sand",
    "du Maréchal Foch",
    "Marie Curie",
    "de la Paix",
)
CITIES = (
    ("75011", "Paris"),
    ("75015", "Paris"),
    ("75018", "Paris"),
    ("69003", "Lyon"),
    ("69100", "Villeurbanne"),
    ("13008", "Marseille"),
    ("13100", "Aix-en-Provence"),
    ("31000", "Toulouse"),
    ("33000", "Bordeaux"),
    ("44000", "Nantes"),
    ("59000", "Lille"),
    ("59100", "Roubaix"),
    ("67000", "Strasbourg"),
    ("34000", "Montpellier"),
    ("35000", "Rennes"),
    ("06000", "Nice"),
    ("38000", "Grenoble"),
    ("42000", "Saint-Étienne"),
    ("76600", "Le Havre"),
    ("51100", "Reims"),
    ("21000", "Dijon"),
    ("49000", "Angers"),
    ("63000", "Clermont-Ferrand"),
    ("87000", "Limoges"),
    ("37000", "Tours"),
    ("80000", "Amiens"),
    ("57000", "Metz"),
    ("64000", "Pau"),
    ("66000", "Perpignan"),
    ("29200", "Brest"),
    ("14000", "Caen"),
    ("92100", "Boulogne-Billancourt"),
    ("94300", "Vincennes"),
    ("78000", "Versailles"),
    ("97400", "Saint-Denis"),
)
MAIL_DOMAINS = (
    ("gmail.com", 0.42),
    ("orange.fr", 0.14),
    ("hotmail.fr", 0.10),
    ("free.fr", 0.08),
    ("yahoo.fr", 0.07),
    ("laposte.net", 0.06),
    ("icloud.com", 0.06),
    ("sfr.fr", 0.04),
    ("outlook.com", 0.03),
)
SHOP_PHONES = ("01 40 00 10 20", "04 72 00 30 40", "05 56 00 50 60", "09 70 00 70 80")
BLOCKED_MAILS = ("na@na.fr", "pasdemail@shop.fr", "client@client.com", "x@x.fr")

THEMES = ("new_collection", "sale", "loyalty", "service", "seasonal", "inspiration", "sustainability")
TEAMS = ("crm", "digital", "brand", "retail", "service")
RETURN_REASONS = ("too small", "too large", "defective", "not as described", "changed my mind", "late delivery")

GOOD_COMMENTS = (
    "J'adore la nouvelle collection 😍",
    "Service au top, merci à l'équipe du magasin de Nîmes !",
    'Livraison rapide, emballage soigné. Très "qualité"',
    "Enfin une marque qui répond… bravo 👏",
    "Reçu ce matin, c'est exactement ce que j'attendais",
    "Ma fille est ravie, merci ❤️",
)
NEUTRAL_COMMENTS = (
    "Vous ouvrez le dimanche ?",
    "Est-ce que la taille 38 revient bientôt ?",
    "C'est disponible en Belgique; et en Suisse ?",
    "Quel est le prix, s'il vous plaît ?",
    "Où trouver l'équivalent en coton ?",
)
BAD_COMMENTS = (
    "Toujours pas livré après 3 semaines 😡",
    "Trop de mails ! J'ai demandé 2 fois qu'on arrête…",
    "La couture a lâché au bout d'un mois, c'est honteux",
    "Personne ne répond au téléphone; inadmissible",
    "On me propose un \"bon d'achat\" au lieu d'un remboursement",
    "Prix affiché ≠ prix en caisse 🤨",
)
CARE_COMMENTS = (
    "Cliente mécontente : colis reçu ouvert, remboursement demandé",
    "Réclamation facture, doublon de débit carte bancaire",
    "Souhaite ne plus être appelée le soir",
    "Article défectueux ; échange proposé en magasin",
    "Retard de livraison, geste commercial accordé (10 €)",
    "N'a pas reçu ses points de fidélité",
)
