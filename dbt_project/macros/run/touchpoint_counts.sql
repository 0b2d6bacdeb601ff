{#- What is counted of touchpoints, by day and by segment: column -> condition. -#}
{% macro touchpoint_counts() -%}
    {{ return({
        'contacts': 'is_contact',
        'sends': "event_type = 'send'",
        'deliveries': "event_type = 'delivery'",
        'bounces': "event_type = 'bounce'",
        'opens': "event_type = 'open'",
        'human_opens': "event_type = 'open' and not is_machine",
        'human_clicks': "event_type = 'click' and not is_machine",
        'human_responses': 'is_response and not is_machine',
        'unsubscribes': "event_type = 'unsubscribe'",
        'spam_complaints': "event_type = 'spam_complaint'",
        'complaints': "event_type = 'complaint'",
        'comments': "event_type = 'comment'",
        'negative_comments': "event_type = 'comment' and resolution = 'negative'",
    }) }}
{%- endmacro %}

{#- Contacts by what the campaign declared: column -> condition on int_pressure__campaign_kind (`kinds`). -#}
{% macro contact_kinds() -%}
    {{ return({
        'mass_contacts': "kinds.targeting = 'mass'",
        'generic_contacts': "kinds.content = 'generic'",
        'personalised_contacts': "kinds.content in ('customer', 'context')",
        'known_content_contacts': 'kinds.content is not null',
    }) }}
{%- endmacro %}
